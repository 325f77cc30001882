// The worker's end of the line protocol (bench/contenders/contender.ts) for engines in Node.

import {readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {decodeTensor} from '../../src/onnx/tensor-file.js';
import {hashValues, SEEDS} from '../models/hash.js';

export interface Engine {
  /** Makes the model in `file` ready; what it says of itself comes back. */
  load(task: EngineTask): Promise<Readonly<Record<string, string | number>>>;
  /** One run. */
  run(): Promise<void>;
  /** The output of the last run. */
  output(): Float32Array;
}

export interface EngineTask {
  readonly file: string;
  readonly threads: number;
  /** In the order of the model's inputs. */
  readonly inputs: readonly EngineInput[];
  /** All that the line said. */
  readonly fields: ReadonlyMap<string, string>;
}

export interface EngineInput {
  /** As its file says; null of the only input of a model. */
  readonly name: string | null;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const SAMPLES = 64;

/** Answers lines until stdin ends. */
export async function serve(engine: Engine): Promise<void> {
  for await (const line of createInterface({input: process.stdin})) {
    let reply: string;
    try {
      reply = await answer(engine, line);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      reply = `error ${message.replaceAll('\n', ' ')}`;
    }
    process.stdout.write(`${reply}\n`);
  }
}

async function answer(engine: Engine, line: string): Promise<string> {
  const [command, ...words] = line.split(' ');
  switch (command) {
    case 'load':
      return `ok ${formatFields(await engine.load(parseTask(words)))}`;
    case 'run':
      return `ms ${(await timeRuns(engine, Number(words[0]))).join(' ')}`;
    case 'output':
      return `output ${summarizeOutput(engine.output()).join(' ')}`;
    default:
      return `error unknown command ${command}`;
  }
}

function parseTask(words: readonly string[]): EngineTask {
  const fields = new Map(
    words.map(word => {
      const at = word.indexOf('=');
      return [word.slice(0, at), decodeURIComponent(word.slice(at + 1))];
    }),
  );
  const files = fields.get('inputs')?.split(',');
  return {
    file: fields.get('model')!,
    threads: Number(fields.get('threads')),
    inputs: files?.map(readInput) ?? [hashedInput(fields.get('shape')!.split(',').map(Number))],
    fields,
  };
}

function readInput(file: string): EngineInput {
  const {name, dims, data} = decodeTensor(readFileSync(file));
  return {name, shape: dims, data: Float32Array.from(data as Float32Array)};
}

function hashedInput(shape: readonly number[]): EngineInput {
  const count = shape.reduce((product, size) => product * size, 1);
  return {name: null, shape, data: hashValues(count, SEEDS.input)};
}

/** A value for each input of an engine whose first is called `first`. */
export function feedsOf<T>(
  first: string,
  inputs: readonly EngineInput[],
  make: (input: EngineInput) => T,
): Record<string, T> {
  return Object.fromEntries(inputs.map(input => [input.name ?? first, make(input)]));
}

function formatFields(fields: Readonly<Record<string, string | number>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join(' ');
}

async function timeRuns(engine: Engine, count: number): Promise<string[]> {
  const times: string[] = [];
  for (let run = 0; run < count; run++) {
    const started = performance.now();
    await engine.run();
    times.push((performance.now() - started).toFixed(6));
  }
  return times;
}

/** Count, sum of absolute values and evenly spaced samples, first and last among them. */
function summarizeOutput(values: Float32Array): number[] {
  const sum = values.reduce((total, value) => total + Math.abs(value), 0);
  const samples = Array.from(
    {length: SAMPLES},
    (_, index) => values[Math.floor((index * (values.length - 1)) / (SAMPLES - 1))]!,
  );
  return [values.length, sum, ...samples];
}
