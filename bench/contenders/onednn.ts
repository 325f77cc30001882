// oneDNN's convolution primitives. They keep their own layout, as inside a larger graph: reordering from and to NCHW is not timed.

import {compileWorker} from './compile-worker.js';
import {type Absence, type Contender, type Launch, layerTask} from './contender.js';

export const onednn: Contender = {
  name: 'onednn',
  isPeer: true,
  find,
  task: (row, threads) =>
    row.kind === 'layer' ? layerTask(row, threads) : {absent: 'runs single layers only'},
};

function find(threads: number): Launch | Absence {
  const worker = compileWorker({
    name: 'onednn',
    files: ['bench/workers/onednn.cc', 'bench/workers/worker.h'],
    link: ['-ldnnl'],
  });
  if ('absent' in worker) return worker;
  // Debian's build runs on OpenMP.
  return {command: [worker.file], env: {OMP_NUM_THREADS: String(threads)}};
}
