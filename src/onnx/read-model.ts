// A path → the bytes of a file, or a decoded model.

import {constants, readSync} from 'node:fs';
import {type FileHandle, open} from 'node:fs/promises';
import {UntangleError} from '../errors.js';
import {type ByteRange, findBulk} from './bulk.js';
import {type DecodeOptions, decodeModel} from './decode.js';
import {DeferredBytes, readRange} from './deferred.js';
import {externalDataBeside} from './external-data.js';
import {checkLimit, type Limits, resolveLimits} from './limits.js';
import type {OnnxModel} from './model.js';

/**
 * Reads and decodes an ONNX file with the external data in its folder.
 *
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ and what `decodeModel` throws
 */
export async function readModelFile(
  path: string,
  options: Pick<DecodeOptions, 'limits'> = {},
): Promise<OnnxModel> {
  const bytes = await readFileLimited(path, options.limits);
  return decodeModel(bytes, {...options, path, externalData: externalDataBeside(path)});
}

/** Makes memory, all zero; pages of sparse memory become real when they are written. */
export type Allocate = (bytes: number, isSparse: boolean) => Uint8Array;

const allocatePlain: Allocate = bytes => new Uint8Array(bytes);

/**
 * Reads a regular file, refusing by its size before a byte is read.
 *
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_ONNX_LIMIT (fileBytes)
 */
export async function readFileLimited(
  path: string,
  overrides: Partial<Limits> = {},
): Promise<Uint8Array> {
  return readHeld(path, (_, size) => size, overrides);
}

/**
 * Reads as much of a regular file as is to be held of it.
 *
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_ONNX_LIMIT (fileBytes)
 */
export async function readHeld(
  path: string,
  heldBytes: ReadOptions['heldBytes'],
  overrides: Partial<Limits> = {},
): Promise<Uint8Array> {
  const {bytes, close} = await openBytes(path, resolveLimits(overrides), async (file, size) => {
    const held = heldBytes(await readBeginning(file, path, size), size);
    return readWhole(file, path, allocatePlain(held, false));
  });
  await close();
  return bytes;
}

function readBeginning(file: FileHandle, path: string, size: number): Promise<Uint8Array> {
  return readWhole(file, path, new Uint8Array(Math.min(size, BEGINNING_BYTES)));
}

/** The bytes of a file with a model, and what is still to be read of them. */
export interface ModelBytes {
  readonly bytes: Uint8Array;
  /** The file of a program of which only a part was read; it stays open until `close`. */
  readonly rest: {readonly fd: number} | null;
  /** Null where everything has been read. */
  readonly deferred: DeferredBytes | null;
  /** Closes the file; what is deferred can then no longer be read. */
  readonly close: () => Promise<void>;
}

/** How to read a file. */
export interface ReadOptions {
  readonly allocate: Allocate;
  /** How many bytes to hold of a program, by its first bytes and its size. */
  readonly heldBytes: (beginning: Uint8Array, fileBytes: number) => number;
}

/** More than the header of a program. */
const BEGINNING_BYTES = 4096;

/** Smaller files, and those that begin with this, are read as a whole. */
const SMALL_FILE = 2 ** 20;
const PROGRAM_MAGIC = 'UNTP';

/** Whether bytes are those of a compiled program, not of an ONNX file. */
export function isProgram(bytes: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(bytes.subarray(0, 4)) === PROGRAM_MAGIC;
}

/**
 * Reads a model's file but for the weights of its larger initializers, or what a program file's beginning says is to be held of it.
 *
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_ONNX_LIMIT (fileBytes)
 */
export async function readModelBytes(
  path: string,
  overrides: Partial<Limits>,
  {allocate, heldBytes}: ReadOptions,
): Promise<ModelBytes> {
  let deferred: DeferredBytes | null = null;
  let rest: FileHandle | null = null;
  const {bytes, close} = await openBytes(path, resolveLimits(overrides), async (file, size) => {
    const held = heldBytes(await readBeginning(file, path, size), size);
    if (held < size) {
      rest = file;
      return readWhole(file, path, allocate(held, false));
    }
    const ranges = await findWeights(file, path, size);
    const memory = allocate(size, ranges.length > 0);
    let at = 0;
    for (const {start, end} of [...ranges, {start: size, end: size}]) {
      await readRange(file, path, memory.subarray(at, start), at);
      at = end;
    }
    if (ranges.length > 0) deferred = new DeferredBytes(memory, ranges, {file, path});
    return memory;
  });
  if (deferred === null && rest === null) await close();
  return {bytes, rest, deferred, close};
}

/**
 * Where the larger weights lie.
 *
 * The file is read through once without keeping it: the parts that are read later, while nothing else can happen, come from
 * the system's cache then.
 */
async function findWeights(
  file: FileHandle,
  path: string,
  size: number,
): Promise<readonly ByteRange[]> {
  if (size < SMALL_FILE) return [];
  const chunk = new Uint8Array(SMALL_FILE);
  for (let at = 0; at < size; at += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, size - at));
    await readRange(file, path, part, at);
    if (at === 0 && isProgram(part)) return [];
  }
  return findBulk((offset, target) => readSync(file.fd, target, 0, target.length, offset), size);
}

/** Opens a regular file and hands it on; it stays open until `close`, unless something fails. */
async function openBytes(
  path: string,
  limits: Limits,
  read: (file: FileHandle, size: number) => Promise<Uint8Array>,
): Promise<{readonly bytes: Uint8Array; readonly close: () => Promise<void>}> {
  let file: FileHandle | null = null;
  try {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    const opened = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    file = opened;
    const stats = await file.stat();
    if (!stats.isFile()) {
      throw new UntangleError('ERR_FILE_READ', [
        path,
        stats.isDirectory() ? 'it is a directory' : 'it is not a regular file',
      ]);
    }
    checkLimit(limits, 'fileBytes', stats.size);
    return {bytes: await read(file, stats.size), close: () => opened.close()};
  } catch (error) {
    await file?.close();
    if (error instanceof UntangleError) throw error;
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new UntangleError('ERR_FILE_NOT_FOUND', [path]);
    throw new UntangleError('ERR_FILE_READ', [path, describe(code, error)]);
  }
}

async function readWhole(file: FileHandle, path: string, bytes: Uint8Array): Promise<Uint8Array> {
  await readRange(file, path, bytes, 0);
  return bytes;
}

function describe(code: string | undefined, error: unknown): string {
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return code ?? (error instanceof Error ? error.message : String(error));
}
