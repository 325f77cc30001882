// untangle-edge as a worker.

import {
  load,
  type ScheduleName,
  type Session,
  type TensorInput,
  type TensorOutput,
} from '../../src/index.js';
import {type EngineTask, feedsOf, serve} from './serve.js';

let session: Session | null = null;
let feeds: Record<string, TensorInput> = {};
let last: Record<string, TensorOutput> = {};

await serve({
  load: async ({file, threads, inputs, fields}: EngineTask) => {
    await session?.dispose();
    const shapes = inputs.flatMap(({name, shape}) => (name === null ? [] : [[name, shape]]));
    session = await load(file, {
      threads,
      shapes: Object.fromEntries(shapes),
      schedule: fields.get('schedule') as ScheduleName | undefined,
      exact: fields.has('exact'),
    });
    feeds = feedsOf(session.inputs[0]!.name, inputs, ({data, shape}) => ({data, shape}));
    const {macs, readBytes, writtenBytes, arenaPeakBytes} = session.explain().totals;
    return {macs, readBytes, writtenBytes, arenaPeakBytes};
  },
  run: async () => {
    last = await session!.run(feeds);
  },
  output: () => last[session!.outputs[0]!.name]!.data as Float32Array,
});
