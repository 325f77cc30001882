// C++ workers, compiled when they are first wanted.

import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync, renameSync} from 'node:fs';
import path from 'node:path';
import {OUT, ROOT} from '../folders.js';
import type {Absence} from './contender.js';

const FOLDER = path.join(OUT, 'bin');
const COMPILER = 'g++';
const FLAGS = ['-std=c++20', '-O2', '-Wall', '-Wextra'];

export interface WorkerSources {
  readonly name: string;
  /** What it is made of, paths from the root; those ending in .cc are compiled. */
  readonly files: readonly string[];
  /** Libraries, as the linker wants them. */
  readonly link: readonly string[];
}

/** The executable, or why there is none. */
export function compileWorker({name, files, link}: WorkerSources): {file: string} | Absence {
  const missing = files.find(each => !existsSync(path.join(ROOT, each)));
  if (missing !== undefined) return {absent: `its worker needs ${missing}`};
  const hash = createHash('sha256').update(link.join(' '));
  for (const file of files) hash.update(readFileSync(path.join(ROOT, file)));
  const file = path.join(FOLDER, `${name}-${hash.digest('hex').slice(0, 8)}`);
  if (existsSync(file)) return {file};
  mkdirSync(FOLDER, {recursive: true});
  const sources = files.filter(each => each.endsWith('.cc'));
  const part = `${file}.${process.pid}`;
  const args = [...FLAGS, `-I${ROOT}`, ...sources, '-o', part, ...link];
  const {status, error, stderr} = spawnSync(COMPILER, args, {cwd: ROOT, encoding: 'utf8'});
  if (error !== undefined) return {absent: `its worker needs the compiler ${COMPILER}`};
  if (status !== 0) return {absent: `its worker does not compile: ${firstError(stderr)}`};
  renameSync(part, file);
  return {file};
}

/** The first error that a compiler or linker reports, without the place in our file. */
export function firstError(stderr: string): string {
  const lines = stderr.split('\n');
  const line = lines.find(each => /error|cannot find|undefined reference/.test(each)) ?? lines[0]!;
  return line.replace(/^.*?error: /, '').trim();
}
