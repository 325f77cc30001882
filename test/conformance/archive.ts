// The conformance data of ../shared as tests: model bytes and the inputs and outputs of every data set.

import {spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {decodeTensor, type NamedTensor} from '../../src/onnx/tensor-file.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
export const ARCHIVE = path.join(ROOT, '..', 'shared', 'conformance', 'onnx-node-tests.tar.gz');

/** One entry of INDEX.json, as far as it is needed here. */
export interface ConformanceTest {
  /** RELEASE/GROUP/TEST, unique. */
  readonly path: string;
  readonly opset: number;
  /** The operators of the model, in order of appearance. */
  readonly ops: readonly string[];
  /** What onnxruntime 1.30 makes of it: 'pass', 'mismatch', 'unsupported' or 'run-error'. */
  readonly ort_1_30_cpu: string;
}

/** Inputs and expected outputs in the order of the model's. */
export interface DataSet {
  readonly inputs: readonly NamedTensor[];
  readonly outputs: readonly NamedTensor[];
}

/** The unpacked archive; `remove` deletes it. */
export interface Archive {
  readonly tests: readonly ConformanceTest[];
  readonly model: (test: ConformanceTest) => Uint8Array;
  readonly dataSets: (test: ConformanceTest) => readonly DataSet[];
  readonly remove: () => void;
}

/** Why the archive cannot be used here, or null when it can. */
export function archiveMissing(): string | null {
  return existsSync(ARCHIVE) ? null : `${ARCHIVE} does not exist`;
}

/** Unpacks the archive into a temporary folder. */
export function unpackArchive(): Archive {
  const folder = mkdtempSync(path.join(tmpdir(), 'untangle-conformance-'));
  const remove = () => rmSync(folder, {recursive: true, force: true});
  const {status, stderr, error} = spawnSync('tar', ['-xzf', ARCHIVE, '-C', folder], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    remove();
    throw new Error(`tar could not unpack ${ARCHIVE}: ${error?.message ?? stderr}`);
  }
  const root = path.join(folder, 'onnx-node-tests');
  const index = JSON.parse(readFileSync(path.join(root, 'INDEX.json'), 'utf8'));
  return {
    tests: index.tests,
    model: test => readFileSync(path.join(root, test.path, 'model.onnx')),
    dataSets: test => readDataSets(path.join(root, test.path)),
    remove,
  };
}

function readDataSets(folder: string): DataSet[] {
  return numbered(readdirSync(folder), 'test_data_set_', '').map(set => {
    const files = readdirSync(path.join(folder, set));
    const read = (kind: string) =>
      numbered(files, kind, '.pb').map(file =>
        decodeTensor(readFileSync(path.join(folder, set, file))),
      );
    return {inputs: read('input_'), outputs: read('output_')};
  });
}

/** The names PREFIX number SUFFIX, by their number. */
function numbered(names: readonly string[], prefix: string, suffix: string): string[] {
  const number = (name: string) => Number(name.slice(prefix.length, name.length - suffix.length));
  return names
    .filter(name => name.startsWith(prefix) && name.endsWith(suffix))
    .sort((a, b) => number(a) - number(b));
}
