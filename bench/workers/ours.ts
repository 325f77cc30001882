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
    session = await load(file, {
      threads,
      schedule: fields.get('schedule') as ScheduleName | undefined,
      exact: fields.has('exact'),
    });
    const names = session.inputs.map(input => input.name);
    await session.reshape(feedsOf(names, inputs, ({shape}) => shape));
    feeds = feedsOf(names, inputs, input => input);
    const {macs, readBytes, writtenBytes, arenaPeakBytes} = session.explain().totals;
    return {macs, readBytes, writtenBytes, arenaPeakBytes};
  },
  run: async () => {
    last = await session!.run(feeds);
  },
  output: () => last[session!.outputs[0]!.name]!.data as Float32Array,
});
