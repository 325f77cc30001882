// The command line of `npm run bench`.

import path from 'node:path';
import {parseArgs} from 'node:util';
import type {Contender} from './contenders/contender.js';
import {CONTENDERS, DEFAULT_CONTENDERS, findContenders, GROUPS} from './contenders/contenders.js';
import {OUT} from './folders.js';
import type {Row} from './shapes.js';

export interface BenchOptions {
  readonly isQuick: boolean;
  /** Which rows, by id. */
  readonly rows: RegExp;
  readonly kinds: ReadonlySet<Row['kind']>;
  readonly threads: readonly number[];
  readonly rounds: number;
  /** The first one's outputs are what the others' are compared with. */
  readonly contenders: readonly Contender[];
  readonly countsInstructions: boolean;
  readonly outFile: string;
}

const DEFAULT_ROUNDS = 6;
const QUICK_ROUNDS = 3;
const MAX_THREADS = 256;
const MAX_ROUNDS = 1000;

/** Something is wrong with the command line; the message is a sentence for whoever wrote it. */
export class UsageError extends Error {}

export const HELP = `Usage: npm run bench -- [options]

Measures layers and whole generators of real networks, and trained models, beside other runtimes and writes one JSON line per result.

  --quick              a dozen representative rows, ${QUICK_ROUNDS} rounds
  --rows REGEX         rows whose id matches
  --layers, --nets, --models
                       only layers, only whole generators, only trained models
  --threads LIST       thread counts, default 1,2
  --rounds N           turns of every contender, default ${DEFAULT_ROUNDS}
  --contenders LIST    of ${CONTENDERS.map(({name}) => name).join(', ')};
                       ${Object.keys(GROUPS).join(', ')} stand for several; default ${DEFAULT_CONTENDERS.map(({name}) => name).join(',')}
  --instructions       count instructions of ours instead of measuring time
  --out FILE           JSON lines are appended here, default out/bench/DATE.jsonl
  --help

UNTANGLE_BENCH_PEERS names a folder whose node_modules holds onnxruntime-node, UNTANGLE_BENCH_MODELS one of trained models
(NAME/model.onnx, NAME/input_0.pb, …; default ../shared/models).`;

/** @throws UsageError */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const isQuick = values.quick ?? false;
  return {
    isQuick,
    rows: pattern(values.rows ?? ''),
    kinds: kinds({layers: values.layers, nets: values.nets, models: values.models}),
    threads: list('--threads', values.threads ?? '1,2').map(text =>
      integer('--threads', text, MAX_THREADS),
    ),
    rounds:
      values.rounds === undefined
        ? isQuick
          ? QUICK_ROUNDS
          : DEFAULT_ROUNDS
        : integer('--rounds', values.rounds, MAX_ROUNDS),
    contenders: contenders(values.contenders),
    countsInstructions: values.instructions ?? false,
    outFile: values.out ?? defaultFile(new Date()),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: {type: 'boolean'},
        rows: {type: 'string'},
        layers: {type: 'boolean'},
        nets: {type: 'boolean'},
        models: {type: 'boolean'},
        threads: {type: 'string'},
        rounds: {type: 'string'},
        contenders: {type: 'string'},
        instructions: {type: 'boolean'},
        out: {type: 'string'},
        help: {type: 'boolean'},
      },
    }).values;
  } catch (error) {
    // Node's message goes on with advice on positional arguments.
    throw new UsageError(`${(error as Error).message.split(/[.\n]/)[0]}; see --help`);
  }
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new UsageError(`--rows: expected a regular expression but received ${text}`);
  }
}

/** Those that are named, or all. */
function kinds({
  layers,
  nets,
  models,
}: Record<'layers' | 'nets' | 'models', boolean | undefined>): ReadonlySet<Row['kind']> {
  const named = [
    ...(layers ? (['layer'] as const) : []),
    ...(nets ? (['net'] as const) : []),
    ...(models ? (['model'] as const) : []),
  ];
  return new Set(named.length > 0 ? named : ['layer', 'net', 'model']);
}

function list(option: string, text: string): string[] {
  const parts = text.split(',').filter(Boolean);
  if (parts.length === 0) throw new UsageError(`${option}: expected a list but received nothing`);
  return [...new Set(parts)];
}

function integer(option: string, text: string, maximum: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= maximum) return value;
  throw new UsageError(`${option}: expected an integer from 1 to ${maximum} but received ${text}`);
}

function contenders(text: string | undefined): readonly Contender[] {
  if (text === undefined) return DEFAULT_CONTENDERS;
  const found = list('--contenders', text).flatMap(name => {
    const named = findContenders(name);
    if (named !== undefined) return named;
    const known = [...CONTENDERS.map(contender => contender.name), ...Object.keys(GROUPS)];
    throw new UsageError(
      `--contenders: expected names out of ${known.join(', ')} but received ${name}`,
    );
  });
  return [...new Set(found)];
}

function defaultFile(date: Date): string {
  const name = date.toISOString().slice(0, 19).replaceAll(':', '');
  return path.join(OUT, `${name}.jsonl`);
}
