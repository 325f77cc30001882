// The command line as a process.

import {execFile} from 'node:child_process';
import path from 'node:path';

const MAIN = path.resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `untangle` in folder `cwd`. */
export function untangle(cwd: string, ...args: string[]): Promise<Result> {
  return new Promise(resolve => {
    execFile(process.execPath, [MAIN, ...args], {cwd}, (error, stdout, stderr) => {
      resolve({
        code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1,
        stdout,
        stderr,
      });
    });
  });
}
