// Records as 32-bit words: a named field that does not fit its word is refused by name.

import {UntangleError} from '../errors.js';

export interface RecordTable<Field extends string = string> {
  readonly fields: readonly Field[];
  /** Fields that are signed. */
  readonly i32?: readonly string[];
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
export function recordWords<Field extends string>(
  table: RecordTable<Field>,
  values: Readonly<Partial<Record<Field, number>>>,
  owner: string,
): number[] {
  const {signed} = recordShape(table);
  return table.fields.map((field, index) =>
    toWord(values[field] ?? 0, signed[index]!, owner, field),
  );
}

/** Field values of the record whose words start at `at`. */
export function readRecord<Field extends string>(
  table: RecordTable<Field>,
  words: Uint32Array,
  at: number,
): Record<Field, number> {
  const {fields} = table;
  const {signed, blank} = recordShape(table);
  const values = {...blank} as Record<Field, number>;
  for (let index = 0; index < fields.length; index++) {
    const word = words[at + index]!;
    values[fields[index]!] = signed[index]! ? word | 0 : word;
  }
  return values;
}

/** What is looked up once for all records of a table. */
interface RecordShape {
  readonly signed: readonly boolean[];
  /** With every field: an object that grows field by field becomes a hash table, of seven times the size. */
  readonly blank: Readonly<Record<string, number>>;
}

const knownShapes = new WeakMap<readonly string[], RecordShape>();

function recordShape({fields, i32 = []}: RecordTable): RecordShape {
  const known = knownShapes.get(fields);
  if (known !== undefined) return known;
  const signed = fields.map(field => i32.includes(field));
  const shape = {signed, blank: Object.fromEntries(fields.map(field => [field, 0]))};
  knownShapes.set(fields, shape);
  return shape;
}
