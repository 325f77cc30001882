// Steps, buffers and their places in, program file out.
//
// The file is a header, the tables of `commands.ts` as 32-bit little-endian words, the explanation as
// JSON and the constants; docs/02-program-format.md describes it. Equal input gives equal bytes.

import {UntangleError} from '../errors.js';
import {type Buffer, bufferBytes, type Step} from '../schedule/steps.js';
import {checksum} from './checksum.js';
import {BINDING, HEADER, MAGIC, RECORDS} from './commands.js';
import {addChecksums, writeConstants} from './encode-constants.js';
import {encodeStep} from './encode-steps.js';
import {createTables, type Tables} from './encode-tables.js';
import {encodeExplanation} from './explain.js';
import {ALIGNMENT_BYTES, type FileLayout, HEADER_BYTES, layOutFile} from './file-layout.js';
import {formatHash} from './format-hash.js';
import type {Explanation, Port} from './program.js';
import {recordWords, toWord} from './words.js';

/** Everything that goes into a program file. */
export interface ProgramParts {
  readonly steps: readonly Step[];
  readonly buffers: readonly Buffer[];
  /** Byte offset in the arena of every arena buffer in use. */
  readonly offsets: ReadonlyMap<number, number>;
  readonly arenaBytes: number;
  /** The buffer of each input; input i is memory slot `SLOT.firstOutput + outputs.length + i`. */
  readonly inputs: readonly {readonly port: Port; readonly buffer: number}[];
  /** Output j is memory slot `SLOT.firstOutput + j`. */
  readonly outputs: readonly {readonly port: Port}[];
  readonly explanation: Explanation;
}

/** Offsets in the file and in memory are u32. */
const MAX_BYTES = 0xffffffff;

/**
 * Writes a program file.
 *
 * @param allocate makes the memory to write it to: zeros, from the start of their buffer
 *
 * @throws ERR_PROGRAM_SIZE when the arena, the constants or one value pass 4 GiB.
 * @throws ERR_INTERNAL when a value does not fit its field, by name.
 */
export function encodeProgram(
  parts: ProgramParts,
  allocate: (bytes: number) => Uint8Array = bytes => new Uint8Array(bytes),
): Uint8Array {
  refuseAbove('an arena', parts.arenaBytes);
  for (const buffer of parts.buffers) refuseAbove('a value', bufferBytes(buffer));
  const tables = createTables(parts.buffers, parts.offsets, parts.outputs.length);
  const commands = parts.steps.flatMap((step, index) => encodeStep(tables, step, index));
  refuseAbove('constants', tables.constantBytes);

  const metadata = encodeExplanation(parts.explanation);
  const header = headerFields(parts, tables, metadata.length);
  const layout = layOutFile(header);
  const bytes = allocate(layout.fileBytes);
  for (const section of ['constants', 'streamed'] as const)
    writeConstants(tables[section], bytes.subarray(layout.sections[section].start));
  addChecksums(bytes.subarray(layout.sections.streamed.start), commands);

  writeWords(bytes, layout.sections.bindings.start, bindingWords(parts));
  writeWords(bytes, layout.sections.views.start, tables.view);
  writeWords(bytes, layout.sections.commands.start, commands);
  writeWords(bytes, layout.sections.regions.start, tables.region);
  writeWords(bytes, layout.sections.taps.start, tables.tap);
  writeWords(bytes, layout.sections.ops.start, tables.op);
  writeWords(bytes, layout.sections.indices.start, tables.indices);
  bytes.set(metadata, layout.sections.metadata.start);
  const sum = checksum(bytes.subarray(HEADER_BYTES, layout.residentBytes));
  writeWords(bytes, 0, headerWords(header, layout, sum));
  return bytes;
}

function headerFields(parts: ProgramParts, tables: Tables, metadataBytes: number) {
  return {
    magic: MAGIC,
    formatHash: formatHash(),
    arenaBytes: parts.arenaBytes,
    constantBytes: tables.constantBytes,
    inputCount: parts.inputs.length,
    outputCount: parts.outputs.length,
    viewCount: tables.view.length / RECORDS.view.fields.length,
    commandCount: parts.steps.length,
    regionCount: tables.region.length / RECORDS.region.fields.length,
    tapCount: tables.tap.length / RECORDS.tap.fields.length,
    opCount: tables.op.length / RECORDS.op.fields.length,
    indexCount: tables.indices.length,
    metadataBytes,
    streamedLines: tables.streamedBytes / ALIGNMENT_BYTES,
  };
}

function headerWords(
  fields: ReturnType<typeof headerFields>,
  layout: FileLayout,
  sum: number,
): number[] {
  const header = {
    ...fields,
    fileBytesLow: layout.fileBytes % 2 ** 32,
    fileBytesHigh: Math.floor(layout.fileBytes / 2 ** 32),
    checksum: sum,
  };
  return HEADER.fields.map(field => toWord(header[field], false, 'header', field));
}

function bindingWords(parts: ProgramParts): number[] {
  const inputs = parts.inputs.map(({port, buffer}) => ({
    offsetBytes: parts.offsets.get(buffer) ?? Number.NaN,
    elements: elementCount(port.shape),
  }));
  const outputs = parts.outputs.map(({port}) => ({
    offsetBytes: 0,
    elements: elementCount(port.shape),
  }));
  return [...inputs, ...outputs].flatMap((binding, index) =>
    recordWords(BINDING, binding, `binding ${index}`),
  );
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function writeWords(bytes: Uint8Array, start: number, words: readonly number[]): void {
  new Uint32Array(bytes.buffer, start, words.length).set(words);
}

function refuseAbove(what: string, bytes: number): void {
  if (bytes > MAX_BYTES)
    throw new UntangleError('ERR_PROGRAM_SIZE', [what, bytes, MAX_BYTES], {neededBytes: bytes});
}
