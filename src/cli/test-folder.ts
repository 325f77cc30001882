// A folder with model.onnx and .pb files, in the layout of ONNX's own tests → cases with inputs and expected outputs.

import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {UntangleError} from '../errors.js';
import {isFloating} from '../graph/types.js';
import {readTensorFile} from './feeds.js';
import type {CliTensor} from './tensor.js';

export type FileTensor = Awaited<ReturnType<typeof readTensorFile>>;

export interface TestCase {
  /** The folder of the files, relative to the test's; '' when it is the same. */
  readonly set: string;
  readonly inputs: readonly FileTensor[];
  readonly outputs: readonly FileTensor[];
}

/**
 * Reads input_K.pb and output_K.pb of `folder`, or of every test_data_set_K in it.
 *
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_ONNX_FORMAT
 */
export async function readTestFolder(folder: string): Promise<readonly TestCase[]> {
  const names = await list(folder);
  const sets = inOrder(names, /^test_data_set_([0-9]+)$/);
  const cases: TestCase[] = [];
  for (const set of sets.length > 0 ? sets : ['']) {
    const files = set === '' ? names : await list(join(folder, set));
    const read = async (pattern: RegExp): Promise<FileTensor[]> => {
      const tensors: FileTensor[] = [];
      for (const name of inOrder(files, pattern))
        tensors.push(await readTensorFile(join(folder, set, name)));
      return tensors;
    };
    cases.push({
      set,
      inputs: await read(/^input_([0-9]+)\.pb$/),
      outputs: await read(/^output_([0-9]+)\.pb$/),
    });
  }
  return cases;
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UntangleError('ERR_FILE_NOT_FOUND', [folder]);
    throw new UntangleError('ERR_FILE_READ', [
      folder,
      code === 'ENOTDIR' ? 'it is not a folder' : (code ?? String(error)),
    ]);
  }
}

/** The names that match, by the number in them. */
function inOrder(names: readonly string[], pattern: RegExp): string[] {
  const number = (name: string): number => Number(pattern.exec(name)?.[1] ?? 0);
  return names.filter(name => pattern.test(name)).sort((a, b) => number(a) - number(b));
}

/**
 * Pairs file tensors with ports: by the tensor's own name when a port is called so, else by position.
 *
 * @throws ERR_INPUT_NAME when there are more files than ports
 */
export function pairWithPorts(
  tensors: readonly FileTensor[],
  ports: readonly string[],
): ReadonlyMap<string, FileTensor> {
  const pairs = new Map<string, FileTensor>();
  for (const [index, tensor] of tensors.entries()) {
    const name = ports.includes(tensor.name) ? tensor.name : ports[index];
    if (name === undefined)
      throw new UntangleError('ERR_INPUT_NAME', [
        tensor.name || `number ${index}`,
        ports.join(', ') || 'none',
      ]);
    pairs.set(name, tensor);
  }
  return pairs;
}

/**
 * Largest error of `actual` as a part of the range of `expected`; absolute where the range is 0 and for integers.
 * Infinite when one has a NaN or an infinity where the other has not.
 */
export function largestError(actual: CliTensor, expected: CliTensor): number {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let worst = 0;
  for (const [index, element] of expected.data.entries()) {
    const value = Number(element);
    const got = Number(actual.data[index]);
    if (Object.is(got, value) || got === value) {
      // Equal, infinities and NaNs included.
    } else if (Number.isFinite(value) && Number.isFinite(got)) {
      worst = Math.max(worst, Math.abs(got - value));
    } else {
      return Number.POSITIVE_INFINITY;
    }
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return isFloating(expected.dtype) && high > low ? worst / (high - low) : worst;
}
