// The runner's end of the line protocol (bench/contenders/contender.ts).

import {type ChildProcessByStdio, spawn} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import type {Readable, Writable} from 'node:stream';
import type {Launch, Task} from './contenders/contender.js';

/** A worker that does not answer for so long is stopped. */
const PATIENCE_MS = 300_000;
const STDERR_CHARACTERS = 400;

/** What a worker answers about an output. */
export interface OutputSummary {
  readonly count: number;
  readonly sumAbs: number;
  readonly samples: readonly number[];
}

export class WorkerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  constructor({command: [file, ...args], env}: Launch) {
    this.#child = spawn(file, args, {
      env: {...process.env, ...env},
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#lines = createInterface({input: this.#child.stdout})[Symbol.asyncIterator]();
    this.#child.stderr.setEncoding('utf8').on('data', text => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS);
    });
    // A worker that died says so by the end of its lines.
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', error => {
      this.#stderr = error.message;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What the worker says of what it loaded. */
  async load(task: Task): Promise<ReadonlyMap<string, string>> {
    const words = Object.entries(task).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    const reply = await this.#ask(`load ${words.join(' ')}`, 'ok');
    return new Map(
      reply.map(word => {
        const at = word.indexOf('=');
        return [word.slice(0, at), decodeURIComponent(word.slice(at + 1))];
      }),
    );
  }

  /** Milliseconds of each of `count` runs. */
  async run(count: number): Promise<number[]> {
    return (await this.#ask(`run ${count}`, 'ms')).map(Number);
  }

  async output(): Promise<OutputSummary> {
    const [count, sumAbs, ...samples] = (await this.#ask('output', 'output')).map(Number);
    return {count: count!, sumAbs: sumAbs!, samples};
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin.end();
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  /** The words after `expected`. */
  async #ask(line: string, expected: string): Promise<string[]> {
    this.#child.stdin.write(`${line}\n`);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    const {value, done} = await this.#lines.next();
    clearTimeout(timer);
    if (done) throw new Error(`the worker ended${this.#stderr && `: ${lastLine(this.#stderr)}`}`);
    const [kind, ...words] = (value as string).trim().split(' ');
    if (kind !== expected) throw new Error(words.join(' ') || `the worker answered ${value}`);
    return words;
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
