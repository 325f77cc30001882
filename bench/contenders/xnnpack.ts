// XNNPACK's operators. They take and give NHWC, as inside a larger graph: reordering from and to NCHW is not timed.

import {compileWorker} from './compile-worker.js';
import {type Absence, type Contender, type Launch, layerTask} from './contender.js';

export const xnnpack: Contender = {
  name: 'xnnpack',
  isPeer: true,
  find,
  task: (row, threads) =>
    row.kind === 'layer' ? layerTask(row, threads) : {absent: 'runs single layers only'},
};

function find(): Launch | Absence {
  const worker = compileWorker({
    name: 'xnnpack',
    files: ['bench/workers/xnnpack.cc', 'bench/workers/worker.h'],
    link: ['-lXNNPACK', '-lpthreadpool', '-lcpuinfo', '-lpthread'],
  });
  return 'absent' in worker ? worker : {command: [worker.file], env: {}};
}
