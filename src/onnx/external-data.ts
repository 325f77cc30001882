// Tensors kept in files beside the model.
//
// A model may only name a plain file in its own folder. Links, devices and paths are refused, because a model from a
// stranger must not be a way to read other files of this machine.

import {closeSync, constants, fstatSync, openSync, type Stats} from 'node:fs';
import {dirname, join} from 'node:path';
import {readFully} from './read-fully.js';
import type {ExternalDataReader} from './tensor.js';

/**
 * A reader for the files in the folder of `modelPath`. It throws plain errors whose message is the reason; the decoder adds the
 * tensor's name and makes them ERR_ONNX_EXTERNAL_DATA.
 */
export function externalDataBeside(modelPath: string): ExternalDataReader {
  const folder = dirname(modelPath);
  return (location, offset, length) => {
    checkLocation(location);
    const file = openPlainFile(join(folder, location), location);
    try {
      checkFile(fstatSync(file), location, offset, length);
      return readExactly(file, location, offset, length);
    } finally {
      closeSync(file);
    }
  };
}

function checkLocation(location: string): void {
  const isPlainName =
    location !== '' &&
    location !== '.' &&
    location !== '..' &&
    !/[/\\\0]/.test(location) &&
    !/^[A-Za-z]:/.test(location);
  if (!isPlainName)
    throw new Error(
      `location "${printable(location)}" is not a plain file name in the folder of the model`,
    );
}

function printable(text: string): string {
  return text.slice(0, 100).replace(/\p{Cc}/gu, '?');
}

function openPlainFile(path: string, location: string): number {
  try {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ELOOP') throw new Error(`file "${location}" is a symbolic link`);
    if (code === 'ENOENT') throw new Error(`file "${location}" is not in the folder of the model`);
    throw new Error(`file "${location}" cannot be opened (${code ?? 'unknown reason'})`);
  }
}

function checkFile(stats: Stats, location: string, offset: number, length: number): void {
  if (!stats.isFile()) throw new Error(`"${location}" is not a regular file`);
  if (stats.nlink !== 1)
    throw new Error(
      `file "${location}" has ${stats.nlink} hard links; only files with one name are read`,
    );
  if (offset > stats.size || length > stats.size - offset) {
    throw new Error(
      `file "${location}" has ${stats.size} bytes but bytes ${offset} to ${offset + length} are asked for`,
    );
  }
}

function readExactly(file: number, location: string, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (!readFully(file, bytes, offset))
    throw new Error(`file "${location}" became shorter while it was read`);
  return bytes;
}
