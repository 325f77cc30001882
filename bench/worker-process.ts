// The runner's end of the line protocol (bench/contenders/contender.ts).

import {type ChildProcessByStdio, spawn} from 'node:child_process';
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

/** A process with its lines. */
interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly lines: AsyncIterator<string>;
  /** When it has ended and all it wrote has been read. */
  readonly closed: Promise<void>;
  /** The end of what it wrote to stderr. */
  complaint: string;
}

/** Started when it is first asked to load something, and again when it ended since. */
export class WorkerProcess {
  readonly #launch: Launch;
  #running: Running | null = null;

  constructor(launch: Launch) {
    this.#launch = launch;
  }

  /** 0 while there is no process. */
  get pid(): number {
    return this.#running?.child.pid ?? 0;
  }

  /** What the worker says of what it loaded. */
  async load(task: Task): Promise<ReadonlyMap<string, string>> {
    const words = Object.entries(task).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    this.#running ??= start(this.#launch);
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
    const running = this.#running;
    this.#running = null;
    running?.child.kill('SIGKILL');
    await running?.closed;
  }

  /** The words after `expected`. */
  async #ask(line: string, expected: string): Promise<string[]> {
    const running = this.#running;
    if (running === null) throw new Error('the worker ended');
    running.child.stdin.write(`${line}\n`);
    const timer = setTimeout(() => running.child.kill('SIGKILL'), PATIENCE_MS);
    const {value, done} = await running.lines.next();
    clearTimeout(timer);
    if (done) {
      this.#running = null;
      await running.closed;
      throw new Error(['the worker ended', lastLine(running.complaint)].filter(Boolean).join(': '));
    }
    const [kind, ...words] = value.trim().split(' ');
    if (kind !== expected) throw new Error(words.join(' ') || `the worker answered ${value}`);
    return words;
  }
}

function start({command: [file, ...args], env}: Launch): Running {
  const child = spawn(file, args, {
    env: {...process.env, ...env},
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]();
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()));
  const running: Running = {child, lines, closed, complaint: ''};
  child.stderr.setEncoding('utf8').on('data', text => {
    running.complaint = (running.complaint + text).slice(-STDERR_CHARACTERS);
  });
  // A worker that died is noticed by the end of its lines.
  child.stdin.on('error', () => {});
  child.on('error', error => {
    running.complaint = error.message;
  });
  return running;
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
