// Every option of the command line, defined once; commands name the ones they take.

import {type Command, Option} from 'commander';
import {UntangleError} from '../errors.js';
import {SCHEDULES, type ScheduleName} from '../schedule/candidates.js';
import {DEVICES, type Device, PRECISIONS, type Precision} from '../schedule/device.js';
import {WEIGHT_TYPES, type WeightType} from '../untangle/stored-weights.js';
import {parseRange, type Range} from './pictures.js';
import {parseCount, parseSize, parseTolerance} from './sizes.js';

/** NAME=VALUE as given. */
export interface Assignment {
  readonly name: string;
  readonly value: string;
}

export interface ShapeAssignment {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The values of all options; a command sees those it takes. */
export interface CliOptions {
  readonly input: readonly Assignment[];
  readonly output: readonly Assignment[];
  readonly shape: readonly ShapeAssignment[];
  readonly constant: readonly Assignment[];
  readonly device?: Device | 'auto';
  readonly precision?: Precision;
  readonly threads?: number;
  readonly memory?: number;
  readonly schedule?: ScheduleName;
  readonly exact?: boolean;
  readonly board?: string;
  readonly weights?: WeightType;
  readonly streamWeights?: boolean | 'auto';
  readonly why?: string;
  readonly range?: Range;
  readonly tolerance: number;
  readonly runs: number;
  readonly perOp?: boolean;
  readonly html?: string;
  readonly trace?: string;
  readonly out: string;
  readonly json?: boolean;
}

const DEFINITIONS: Readonly<Record<keyof CliOptions, () => Option>> = {
  input: () =>
    new Option(
      '--input <name=value>',
      'an input: FILE.npy, FILE.pb, FILE.bin (raw f32), FILE.png (values 0..1; other ranges as FILE.png:LO..HI) or random:SEED; repeatable',
    )
      .argParser(collect(text => parseAssignment('--input', text)))
      .default([], 'random:0 for every input'),
  output: () =>
    new Option(
      '--output <name=file>',
      'write an output to FILE.npy, FILE.pb or FILE.png (several pictures become a sheet); repeatable',
    )
      .argParser(collect(text => parseAssignment('--output', text)))
      .default([], 'none'),
  shape: () =>
    new Option(
      '--shape <name=sizes>',
      'full shape of an input, such as z=16,64,1,1; binds its symbolic dimensions; repeatable',
    )
      .argParser(collect(parseShape))
      .default([], 'batch 1'),
  constant: () =>
    new Option(
      '--constant <name=value>',
      'an input with a value known now: FILE.npy, FILE.pb or numbers such as 0.5 or 1,2,3; folded into the program; repeatable',
    )
      .argParser(collect(text => parseAssignment('--constant', text)))
      .default([], 'none'),
  device: () =>
    new Option(
      '--device <name>',
      `where it runs: ${DEVICES.join(', ')}, or auto for the GPU where there is one (default: cpu)`,
    ).argParser(text => parseName('--device', [...DEVICES, 'auto'], text)),
  precision: () =>
    new Option(
      '--precision <name>',
      `what a GPU may round products to: ${PRECISIONS.join(', ')} (default: fp32)`,
    ).argParser(text => parseName('--precision', PRECISIONS, text)),
  threads: () =>
    new Option('--threads <n>', 'number of threads (default: all cores)').argParser(text =>
      parseCount('--threads', text),
    ),
  memory: () =>
    new Option(
      '--memory <size>',
      'memory budget for everything a session holds, such as 64MiB',
    ).argParser(text => parseSize('--memory', text)),
  schedule: () =>
    new Option(
      '--schedule <name>',
      `how convolutions run: ${SCHEDULES.join(', ')} (default: auto)`,
    ).argParser(text => parseName('--schedule', SCHEDULES, text)),
  exact: () =>
    new Option(
      '--exact',
      "sum only the convolutions' own products: no winograd, which is faster but rounds more",
    ),
  board: () =>
    new Option(
      '--board <file|name>',
      'the machine that schedules are priced for: a profile of `untangle doctor --calibrate`, or jetson-nano, jetson-orin-nano, ... (default: none)',
    ),
  weights: () =>
    new Option(
      '--weights <type>',
      `what weights are stored as: ${WEIGHT_TYPES.join(', ')} (default: fp32)`,
    ).argParser(text => parseName('--weights', WEIGHT_TYPES, text)),
  streamWeights: () =>
    new Option(
      '--stream-weights [when]',
      'leave weights in the program file and read them ahead of their use: always, auto (where the budget asks for it) or never (default: auto; always when no value is given)',
    )
      .argParser(text => parseWhen('--stream-weights', text))
      .preset('always'),
  why: () =>
    new Option(
      '--why <name>',
      'instead, the schedules that a convolution was chosen from: its name, or the number of its command',
    ),
  range: () =>
    new Option(
      '--range <lo,hi>',
      'values that become black and white in .png outputs (default: -1,1, 0,1 or 0,255 by the data)',
    ).argParser(text => parseRange('--range', text)),
  tolerance: () =>
    new Option(
      '--tolerance <x>',
      'largest error accepted, as a part of the range of the expected output',
    )
      .argParser(text => parseTolerance('--tolerance', text))
      .default(1e-4, '1e-4'),
  runs: () =>
    new Option('--runs <n>', 'timed runs')
      .argParser(text => parseCount('--runs', text))
      .default(20),
  perOp: () => new Option('--per-op', 'time every command too'),
  trace: () =>
    new Option(
      '--trace <file>',
      'write a profiled run, command by command and thread by thread, for ui.perfetto.dev or chrome://tracing',
    ),
  html: () =>
    new Option(
      '--html <file>',
      'write a page with charts of memory, traffic and limits; one file that needs no network',
    ),
  out: () => new Option('--out <dir>', 'folder for the pictures; made when absent').default('out'),
  json: () => new Option('--json', 'print the result as JSON'),
};

/** Adds the options `names` to `command`, in that order. */
export function addOptions(command: Command, ...names: (keyof CliOptions)[]): Command {
  for (const name of names) command.addOption(DEFINITIONS[name]());
  return command;
}

function collect<T>(parse: (text: string) => T): (text: string, previous: readonly T[]) => T[] {
  return (text, previous) => [...previous, parse(text)];
}

/** @throws ERR_OPTION */
export function parseAssignment(option: string, text: string): Assignment {
  const at = text.indexOf('=');
  if (at > 0 && at < text.length - 1) return {name: text.slice(0, at), value: text.slice(at + 1)};
  throw new UntangleError('ERR_OPTION', [option, 'NAME=VALUE', `"${text}"`]);
}

/** @throws ERR_OPTION */
export function parseShape(text: string): ShapeAssignment {
  const match = /^([^=]+)=([0-9]{1,9}(?:[,x][0-9]{1,9})*)$/.exec(text);
  const shape = match?.[2]?.split(/[,x]/).map(Number) ?? [];
  if (match !== null && shape.every(size => size >= 1)) return {name: match[1]!, shape};
  throw new UntangleError('ERR_OPTION', [
    '--shape',
    'NAME=SIZE,SIZE,... with positive integers',
    `"${text}"`,
  ]);
}

const WHEN = {always: true, auto: 'auto', never: false} as const;

/** @throws ERR_OPTION */
function parseWhen(option: string, text: string): boolean | 'auto' {
  const names = Object.keys(WHEN) as (keyof typeof WHEN)[];
  return WHEN[parseName(option, names, text)];
}

/** One of `names`. */
function parseName<Name extends string>(
  option: string,
  names: readonly Name[],
  text: string,
): Name {
  const name = names.find(known => known === text);
  if (name !== undefined) return name;
  throw new UntangleError('ERR_OPTION', [option, `one of ${names.join(', ')}`, `"${text}"`]);
}
