// Writes a file so that readers see the old one or the new one, never half of it.

import {open, rename, unlink} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {UntangleError} from '../errors.js';

/** @throws ERR_FILE_WRITE */
export async function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.untangle-${process.pid}-${Date.now()}.tmp`);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    const code = (error as NodeJS.ErrnoException).code;
    throw new UntangleError('ERR_FILE_WRITE', [
      path,
      code === 'ENOENT' ? 'its folder does not exist' : (code ?? String(error)),
    ]);
  }
}
