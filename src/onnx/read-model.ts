// A path → the bytes of a file, or a decoded model.

import {constants} from 'node:fs';
import {type FileHandle, open} from 'node:fs/promises';
import {UntangleError} from '../errors.js';
import {type DecodeOptions, decodeModel} from './decode.js';
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

/**
 * Reads a regular file, refusing by its size before a byte is read.
 *
 * @param allocate makes the memory to read it to
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_ONNX_LIMIT (fileBytes)
 */
export async function readFileLimited(
  path: string,
  overrides: Partial<Limits> = {},
  allocate: (bytes: number) => Uint8Array = bytes => new Uint8Array(bytes),
): Promise<Uint8Array> {
  const limits = resolveLimits(overrides);
  let file: FileHandle | null = null;
  try {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile()) {
      throw new UntangleError('ERR_FILE_READ', [
        path,
        stats.isDirectory() ? 'it is a directory' : 'it is not a regular file',
      ]);
    }
    checkLimit(limits, 'fileBytes', stats.size);
    return await readWhole(file, path, allocate(stats.size));
  } catch (error) {
    if (error instanceof UntangleError) throw error;
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new UntangleError('ERR_FILE_NOT_FOUND', [path]);
    throw new UntangleError('ERR_FILE_READ', [path, describe(code, error)]);
  } finally {
    await file?.close();
  }
}

async function readWhole(file: FileHandle, path: string, bytes: Uint8Array): Promise<Uint8Array> {
  const size = bytes.length;
  let done = 0;
  while (done < size) {
    const {bytesRead} = await file.read(bytes, done, Math.min(size - done, 1 << 30), done);
    if (bytesRead === 0)
      throw new UntangleError('ERR_FILE_READ', [path, 'it became shorter while it was read']);
    done += bytesRead;
  }
  return bytes;
}

function describe(code: string | undefined, error: unknown): string {
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return code ?? (error instanceof Error ? error.message : String(error));
}
