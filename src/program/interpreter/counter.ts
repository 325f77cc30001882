// Counting accesses while a program runs: which f32 elements one pass reads and writes.
//
// Every element of every memory slot has a stamp. Touching an element whose stamp is not the number of the
// current pass counts its bytes and sets it. No closed form is used anywhere: this is the ground truth the
// scheduler's counts are tested against (docs/01-architecture.md, Counting).

import type {Counts} from '../../schedule/steps.js';

const F32_BYTES = 4;

/** Counts distinct elements per pass; every method is a no-op when counting is off. */
export class AccessCounter {
  readonly enabled: boolean;
  readonly #reads: Uint32Array[];
  readonly #writes: Uint32Array[];
  /** Bytes of an element of each slot. */
  readonly #bytes: number[];
  #pass = 0;
  #macs = 0;
  #readBytes = 0;
  #writtenBytes = 0;

  /** `slotElements` are the sizes of the memory slots, in elements. */
  constructor(slotElements: readonly number[], enabled: boolean) {
    this.enabled = enabled;
    const stamps = () => slotElements.map(elements => new Uint32Array(enabled ? elements : 0));
    this.#reads = stamps();
    this.#writes = stamps();
    this.#bytes = slotElements.map(() => F32_BYTES);
  }

  /** A further slot, of elements that are read only; returns its number. */
  addSlot(elements: number, elementBytes: number): number {
    this.#bytes.push(elementBytes);
    return this.#reads.push(new Uint32Array(this.enabled ? elements : 0)) - 1;
  }

  /** Starts the next pass: every element counts again. */
  beginPass(): void {
    this.#pass++;
  }

  addMacs(macs: number): void {
    this.#macs += macs;
  }

  /** Scratch elements that a command writes and reads back once each, whatever memory it reuses for them. */
  addScratch(count: number): void {
    if (!this.enabled) return;
    this.#readBytes += count * F32_BYTES;
    this.#writtenBytes += count * F32_BYTES;
  }

  /** Reads `count` consecutive elements from `start`. */
  read(slot: number, start: number, count: number): void {
    if (!this.enabled) return;
    const fresh = stampRun(this.#reads[slot]!, start, count, this.#pass);
    this.#readBytes += fresh * this.#bytes[slot]!;
  }

  /** Writes `count` consecutive elements from `start`. */
  write(slot: number, start: number, count: number): void {
    if (!this.enabled) return;
    const fresh = stampRun(this.#writes[slot]!, start, count, this.#pass);
    this.#writtenBytes += fresh * this.#bytes[slot]!;
  }

  /** Reads `count` elements that nobody can name before the run; each counts. */
  readUnseen(count: number): void {
    if (this.enabled) this.#readBytes += count * F32_BYTES;
  }

  /** The same for writes. */
  writeUnseen(count: number): void {
    if (this.enabled) this.#writtenBytes += count * F32_BYTES;
  }

  /** Returns what was counted since the last call and starts from zero. */
  take(): Counts {
    const counts = {
      macs: this.#macs,
      readBytes: this.#readBytes,
      writtenBytes: this.#writtenBytes,
    };
    this.#macs = this.#readBytes = this.#writtenBytes = 0;
    return counts;
  }
}

/** Stamps a run of elements and returns how many of them were new in this pass. */
function stampRun(stamps: Uint32Array, start: number, count: number, pass: number): number {
  let fresh = 0;
  for (let index = start; index < start + count; index++) {
    if (stamps[index] === pass) continue;
    stamps[index] = pass;
    fresh++;
  }
  return fresh;
}
