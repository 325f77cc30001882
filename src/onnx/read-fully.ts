// Reading a part of a file as a whole.

import {readSync} from 'node:fs';

/** Most bytes of one read: the system takes no more than 2 GiB. */
export const MOST_READ = 1 << 30;

/** Fills `target` from byte `position` of an open file on; false when the file ends before. */
export function readFully(file: number, target: Uint8Array, position: number): boolean {
  for (let done = 0; done < target.length; ) {
    const length = Math.min(target.length - done, MOST_READ);
    const count = readSync(file, target, done, length, position + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}
