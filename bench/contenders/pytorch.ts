// PyTorch in eager mode, on the same ONNX files node by node. NCHW in and out.

import {spawnSync} from 'node:child_process';
import path from 'node:path';
import {cpuInfo} from '../../src/index.js';
import {ROOT} from '../folders.js';
import {type Absence, type Contender, type Launch, modelTask} from './contender.js';

const WORKER = path.join(ROOT, 'bench', 'workers', 'pytorch.py');
const MODULES = ['torch', 'numpy', 'onnx'];

export const pytorch: Contender = {
  name: 'pytorch',
  isPeer: true,
  find,
  task: modelTask,
};

/** The first Python that has all modules; the system's may have them where the first on the path has not. */
function find(threads: number): Launch | Absence {
  const script = `import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ${JSON.stringify(MODULES)}))`;
  const pythons = ['python3', '/usr/bin/python3'];
  const python = pythons.find(name => spawnSync(name, ['-c', script]).status === 0);
  if (python === undefined) return {absent: `no python3 with ${MODULES.join(', ')}`};
  return {command: [python, WORKER], env: {...threadEnv(threads), ...openblasEnv()}};
}

function threadEnv(threads: number): Record<string, string> {
  return {OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads)};
}

/** OpenBLAS takes processors newer than itself for old ones; with this it uses AVX-512 where there is. */
function openblasEnv(): Record<string, string> {
  if (process.env.OPENBLAS_CORETYPE !== undefined || cpuInfo().isa !== 'avx512') return {};
  return {OPENBLAS_CORETYPE: 'SkylakeX'};
}
