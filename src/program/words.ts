// Records as 32-bit words: a named field that does not fit its word is refused by name.

import {UntangleError} from '../errors.js';

export interface RecordTable {
  readonly fields: readonly string[];
  readonly i32: readonly string[];
}

const scratch = new DataView(new ArrayBuffer(4));

/** The bits of `value` rounded to f32. */
export function floatBits(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

/** The f32 held by `bits`. */
export function bitsToFloat(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

/**
 * `value` as a word.
 *
 * @throws ERR_INTERNAL `<owner>: <field> = <value> is not a u32` (or an i32).
 */
export function toWord(value: number, isSigned: boolean, owner: string, field: string): number {
  const isExact = isSigned ? (value | 0) === value : value >>> 0 === value;
  if (!isExact) {
    const type = isSigned ? 'an i32' : 'a u32';
    throw new UntangleError('ERR_INTERNAL', [`${owner}: ${field} = ${value} is not ${type}`]);
  }
  return value >>> 0;
}

/** The words of one record; absent fields are 0. */
export function recordWords(
  table: RecordTable,
  values: Readonly<Record<string, number>>,
  owner: string,
): number[] {
  const signed = signedFields(table);
  return table.fields.map((field, index) =>
    toWord(values[field] ?? 0, signed[index]!, owner, field),
  );
}

const knownSigned = new WeakMap<RecordTable, readonly boolean[]>();

/** Whether each field is an i32; looked up once, as there are records by the thousand. */
function signedFields(table: RecordTable): readonly boolean[] {
  const known = knownSigned.get(table);
  if (known !== undefined) return known;
  const signed = table.fields.map(field => table.i32.includes(field));
  knownSigned.set(table, signed);
  return signed;
}

/** Field values of the record whose words start at `at`. */
export function readRecord<Field extends string>(
  table: {readonly fields: readonly Field[]; readonly i32: readonly string[]},
  words: Uint32Array,
  at: number,
): Record<Field, number> {
  const values = {} as Record<Field, number>;
  table.fields.forEach((field, index) => {
    const word = words[at + index]!;
    values[field] = table.i32.includes(field) ? word | 0 : word;
  });
  return values;
}
