// Protobuf bytes ↔ plain objects, driven by the tables of proto.ts.
//
// Bytes fields are views of the file, never copies; depth, names and the number of listed things are limited while
// reading, so a hostile file is refused before its objects exist.

import {BinaryReader, BinaryWriter, WireType} from '@bufbuild/protobuf/wire';
import {UntangleError} from '../errors.js';
import {checkLimit, type Limits} from './limits.js';
import type {Field, FieldKind, Numbers, Schema} from './proto.js';

/** What a message may hold while it is read or written; the interfaces of proto.ts give the exact fields. */
export type FieldValue = string | number | Uint8Array | Numbers | readonly FieldValue[] | Message;
export interface Message {
  readonly [name: string]: FieldValue | undefined;
}

const WIRE_TYPES: Readonly<Record<FieldKind, WireType>> = {
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
  message: WireType.LengthDelimited,
  int32: WireType.Varint,
  int64: WireType.Varint,
  uint64: WireType.Varint,
  float: WireType.Bit32,
  double: WireType.Bit64,
};

/** A format error; `reason` is kept so that the path can be added where it is known. */
export function formatError(reason: string): UntangleError {
  return new UntangleError('ERR_ONNX_FORMAT', [reason], {reason});
}

/**
 * Reads one message of type `schema`; the caller names the interface that goes with the table.
 *
 * @throws ERR_ONNX_FORMAT, ERR_ONNX_LIMIT
 */
export function readMessage<T>(bytes: Uint8Array, schema: Schema, limits: Limits): T {
  // A Node Buffer would make slice() share memory instead of copying.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new MessageReader(limits).read(plain, schema, 1) as T;
}

type Numeric = Exclude<FieldKind, 'string' | 'bytes' | 'message'>;

class MessageReader {
  readonly #limits: Limits;
  readonly #counts = new Map<keyof Limits, number>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  read(bytes: Uint8Array, schema: Schema, depth: number): Message {
    checkLimit(this.#limits, 'nestingDepth', depth);
    const message: Record<string, FieldValue> = {};
    for (const field of schema.fields.values()) if (field.repeated) message[field.name] = [];

    const reader = new BinaryReader(bytes);
    try {
      while (reader.pos < reader.len) {
        const [number, wireType] = reader.tag();
        const field = schema.fields.get(number);
        if (field === undefined) skip(reader, wireType);
        else this.#readField(reader, wireType, field, message, depth);
        if (reader.pos > reader.len) throw new RangeError('premature EOF');
      }
    } catch (error) {
      if (error instanceof UntangleError) throw error;
      throw formatError(
        `${schema.title} breaks off or is damaged (${error instanceof Error ? error.message : String(error)})`,
      );
    }
    return message;
  }

  #readField(
    reader: BinaryReader,
    wireType: WireType,
    field: Field,
    message: Record<string, FieldValue>,
    depth: number,
  ): void {
    if (field.limit !== null) this.#count(field.limit);
    if (field.kind === 'string' || field.kind === 'bytes' || field.kind === 'message') {
      expectWireType(field, wireType, WireType.LengthDelimited);
      const value = this.#readBlock(reader, field, depth);
      if (field.repeated) {
        (message[field.name] as FieldValue[]).push(value);
        return;
      }
      // Protobuf would merge the two; no writer of ONNX files relies on it.
      if (field.kind === 'message' && message[field.name] !== undefined)
        throw formatError(`field ${field.name} appears twice`);
      message[field.name] = value;
      return;
    }
    if (!field.repeated) {
      expectWireType(field, wireType, WIRE_TYPES[field.kind]);
      message[field.name] = readNumber(reader, field.kind);
      return;
    }
    readNumbers(reader, wireType, field, field.kind, message);
  }

  #readBlock(reader: BinaryReader, field: Field, depth: number): FieldValue {
    if (field.kind === 'message') return this.read(reader.bytes(), field.schema!(), depth + 1);
    const bytes = reader.bytes();
    if (field.kind === 'bytes') return bytes;
    checkLimit(this.#limits, 'nameBytes', bytes.length);
    return decodeUtf8(bytes);
  }

  #count(limit: keyof Limits): void {
    const count = (this.#counts.get(limit) ?? 0) + 1;
    checkLimit(this.#limits, limit, count);
    this.#counts.set(limit, count);
  }
}

const utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});

/** @throws ERR_ONNX_FORMAT when the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw formatError('a name is not UTF-8 text');
  }
}

/** Groups are refused: ONNX has none, and skipping them recurses. */
function skip(reader: BinaryReader, wireType: WireType): void {
  if (wireType === WireType.StartGroup || wireType === WireType.EndGroup)
    throw formatError('it contains a protobuf group');
  reader.skip(wireType);
}

function expectWireType(field: Field, found: WireType, expected: WireType): void {
  if (found !== expected)
    throw formatError(`field ${field.name} has wire type ${found}, expected ${expected}`);
}

function readNumber(reader: BinaryReader, kind: Numeric): number {
  switch (kind) {
    case 'int32':
      return reader.int32();
    case 'int64':
      return Number(reader.int64());
    case 'uint64':
      return Number(reader.uint64());
    case 'float':
      return reader.float();
    case 'double':
      return reader.double();
  }
}

function readNumbers(
  reader: BinaryReader,
  wireType: WireType,
  field: Field,
  kind: Numeric,
  message: Record<string, FieldValue>,
): void {
  const known = message[field.name] as Numbers;
  if (wireType === WireType.LengthDelimited) {
    const chunk = readPacked(reader.bytes(), kind);
    if (known.length === 0) {
      message[field.name] = chunk;
    } else {
      const list = toList(message, field.name, known);
      for (const value of chunk) list.push(value);
    }
    return;
  }
  expectWireType(field, wireType, WIRE_TYPES[kind]);
  toList(message, field.name, known).push(readNumber(reader, kind));
}

/** A field that arrives in several pieces continues as a growing list (once, so the cost stays linear). */
function toList(message: Record<string, FieldValue>, name: string, known: Numbers): number[] {
  if (Array.isArray(known)) return known as number[];
  const list = Array.from(known);
  message[name] = list;
  return list;
}

function readPacked(bytes: Uint8Array, kind: Numeric): Float32Array | Float64Array {
  if (kind === 'float' || kind === 'double') {
    const size = kind === 'float' ? 4 : 8;
    if (bytes.length % size !== 0) throw formatError(`packed ${kind} values end inside an element`);
    const aligned = bytes.slice().buffer;
    return kind === 'float' ? new Float32Array(aligned) : new Float64Array(aligned);
  }
  let count = 0;
  for (const byte of bytes) if (byte < 0x80) count++;
  const reader = new BinaryReader(bytes);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = readNumber(reader, kind);
  if (reader.pos !== bytes.length) throw formatError(`packed ${kind} values end inside an element`);
  return values;
}

/** Writes `message` by its table; fields that are absent or empty are left out. */
export function writeMessage(message: object, schema: Schema): Uint8Array {
  const writer = new BinaryWriter();
  writeFields(writer, message as Message, schema);
  return writer.finish();
}

function writeFields(writer: BinaryWriter, message: Message, schema: Schema): void {
  for (const [number, field] of schema.fields) {
    const value = message[field.name];
    if (value === undefined) continue;
    const values = field.repeated ? (value as ArrayLike<FieldValue>) : [value];
    if (field.packed) {
      if (values.length === 0) continue;
      writer.tag(number, WireType.LengthDelimited).fork();
      for (let i = 0; i < values.length; i++) writeValue(writer, values[i]!, field);
      writer.join();
      continue;
    }
    for (let i = 0; i < values.length; i++) {
      writer.tag(number, WIRE_TYPES[field.kind]);
      writeValue(writer, values[i]!, field);
    }
  }
}

function writeValue(writer: BinaryWriter, value: FieldValue, field: Field): void {
  switch (field.kind) {
    case 'string':
      writer.string(value as string);
      return;
    case 'bytes':
      writer.bytes(value as Uint8Array);
      return;
    case 'message':
      writer.fork();
      writeFields(writer, value as Message, field.schema!());
      writer.join();
      return;
    case 'int64':
    case 'uint64':
      writer[field.kind](BigInt(value as number));
      return;
    default:
      writer[field.kind](value as number);
  }
}
