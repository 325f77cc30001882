// The constants section: weights are packed, and rounded to what they are stored as, straight into the program's bytes.

import {UntangleError} from '../errors.js';
import type {ConstantData} from '../schedule/steps.js';
import {type StoredWeights, storeWeights, unstorable} from '../untangle/stored-weights.js';
import {checksum} from './checksum.js';
import {COMMAND_WORDS, COMMANDS} from './commands.js';
import type {PlacedConstant} from './encode-tables.js';

const F32_BYTES = 4;

/**
 * Writes every constant to its place in `section`, which is zeros from a multiple of 4 bytes of its buffer on.
 *
 * @throws ERR_OPTION when weights do not fit the type that was asked for
 */
export function writeConstants(
  constants: ReadonlyMap<ConstantData, PlacedConstant>,
  section: Uint8Array,
): void {
  const packed = new PackingMemory();
  for (const [data, {offsetBytes, bytes}] of constants) {
    const target = section.subarray(offsetBytes, offsetBytes + bytes);
    if (data instanceof Float32Array) {
      floatsOf(target).set(data);
    } else if (data.stored === undefined || data.stored.type === 'fp32') {
      data.write(floatsOf(target));
    } else {
      const {stored} = data;
      const values = packed.zeros(stored.panels * stored.rows * stored.width);
      data.write(values);
      refuseUnstorable(stored, values);
      storeWeights(stored.type, stored, values, target);
    }
  }
}

/** Gives the words of every load the checksum of what it reads. */
export function addChecksums(streamed: Uint8Array, commands: number[]): void {
  const {opcode, fields} = COMMANDS.load;
  const word = (at: number, field: (typeof fields)[number]) => at + 1 + fields.indexOf(field);
  for (let at = 0; at < commands.length; at += COMMAND_WORDS) {
    if (commands[at] !== opcode) continue;
    const start = commands[word(at, 'firstWord')]! * F32_BYTES;
    const end = start + commands[word(at, 'bytes')]!;
    commands[word(at, 'checksum')] = checksum(streamed.subarray(start, end));
  }
}

function floatsOf({buffer, byteOffset, byteLength}: Uint8Array): Float32Array {
  return new Float32Array(buffer, byteOffset, byteLength / F32_BYTES);
}

/** Memory for one layer's weights as f32, used again for the next. */
class PackingMemory {
  #floats = new Float32Array(0);

  zeros(count: number): Float32Array {
    if (this.#floats.length < count) this.#floats = new Float32Array(count);
    return this.#floats.subarray(0, count).fill(0);
  }
}

function refuseUnstorable({type, node}: StoredWeights, values: Float32Array): void {
  const value = unstorable(type, values);
  if (value === undefined) return;
  const expected = `fp32 for the weights of node "${node}", of which one is ${value}`;
  throw new UntangleError('ERR_OPTION', ['weights', expected, type]);
}
