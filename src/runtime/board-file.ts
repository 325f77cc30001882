// A name or a path → a board profile.

import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {PACKAGE_ROOT} from '#package-root';
import type {Board} from '../boards/board.js';
import {parseBoard} from '../boards/board-text.js';
import {UntangleError} from '../errors.js';
import {readFileLimited} from '../onnx/read-model.js';

const FOLDER = join(PACKAGE_ROOT, 'deploy', 'boards');
const EXTENSION = '.json';

/** Names of the profiles that come with the package. */
export function boardNames(): string[] {
  return readdirSync(FOLDER)
    .filter(name => name.endsWith(EXTENSION))
    .map(name => name.slice(0, -EXTENSION.length))
    .sort();
}

/**
 * Reads the profile of a board that comes with the package, or of a file.
 *
 * @throws ERR_OPTION where it is neither, ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_FILE_FORMAT
 */
export async function readBoard(nameOrPath: string): Promise<Board> {
  const names = boardNames();
  const isName = names.includes(nameOrPath);
  const path = isName ? join(FOLDER, `${nameOrPath}${EXTENSION}`) : nameOrPath;
  try {
    return parseBoard(await readFileLimited(path), path);
  } catch (error) {
    const isAbsent = error instanceof UntangleError && error.code === 'ERR_FILE_NOT_FOUND';
    if (!isAbsent || /[./\\]/.test(nameOrPath)) throw error;
    throw new UntangleError('ERR_OPTION', [
      'board',
      `a file or one of ${names.join(', ')}`,
      `"${nameOrPath}"`,
    ]);
  }
}
