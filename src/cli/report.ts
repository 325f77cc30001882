// What the command line says: results on stdout, notes and progress on stderr.

import {SingleBar} from 'cli-progress';
import {UntangleError} from '../errors.js';
import type {RunProgress} from '../index.js';

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(
    JSON.stringify(
      value,
      (_, item: unknown) => (ArrayBuffer.isView(item) ? Array.from(item as Float64Array) : item),
      2,
    ),
  );
}

/** A remark that is not a result. */
export function note(text: string): void {
  process.stderr.write(`note: ${text}\n`);
}

/** One line on stderr; with `isJson` an object on stdout too. */
export function reportError(error: unknown, isJson: boolean): void {
  const {code, message} = describeError(error);
  writeError(code, message, isJson);
}

/** A mistake in the command line itself, in the words of the parser. */
export function reportUsageError(message: string, isJson: boolean): void {
  writeError('ERR_OPTION', message.replace(/^error: /, '').replaceAll('\n', ' '), isJson);
}

function writeError(code: string, message: string, isJson: boolean): void {
  if (isJson) printJson({error: {code, message}});
  process.stderr.write(`error: ${message} (${code})\n`);
}

function describeError(error: unknown): {code: string; message: string} {
  if (error instanceof UntangleError) return {code: error.code, message: error.message};
  const reason = error instanceof Error ? error.message : String(error);
  if (process.env.UNTANGLE_DEBUG && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  const internal = new UntangleError('ERR_INTERNAL', [reason.replaceAll('\n', ' ')]);
  return {code: internal.code, message: internal.message};
}

export interface Progress {
  step(): void;
  stop(): void;
}

/** A progress bar on a terminal, nothing elsewhere. */
export function startProgress(title: string, total: number): Progress {
  if (process.stderr.isTTY !== true) return {step: () => {}, stop: () => {}};
  const bar = new SingleBar({
    format: `${title} {bar} {value}/{total}`,
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(total, 0);
  return {step: () => bar.increment(), stop: () => bar.stop()};
}

/** Runs shorter than this show no progress. */
const LONG_RUN_MS = 1000;

export interface RunProgressBar {
  readonly update: (progress: RunProgress) => void;
  readonly stop: () => void;
}

/** A bar of the commands done, which appears on a terminal when a run takes longer than a second. */
export function startRunProgress(title: string): RunProgressBar {
  if (process.stderr.isTTY !== true) return {update: () => {}, stop: () => {}};
  const format = `${title} {bar} {value}/{total} {name}`;
  const bar = new SingleBar({format, clearOnComplete: true, hideCursor: true});
  return {
    update: ({done, total, name, ms}) => {
      if (bar.isActive) bar.update(done, {name});
      else if (ms > LONG_RUN_MS && done < total) bar.start(total, done, {name});
    },
    stop: () => bar.stop(),
  };
}
