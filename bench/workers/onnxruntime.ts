// onnxruntime-node as a worker; UNTANGLE_BENCH_MODULE is where it was found.

import {createRequire} from 'node:module';
import {type EngineInput, type EngineTask, feedsOf, serve} from './serve.js';

/** What is used of its API. */
interface OnnxRuntime {
  readonly InferenceSession: {create(file: string, options: object): Promise<OrtSession>};
  readonly Tensor: new (type: string, data: Float32Array, dims: readonly number[]) => OrtTensor;
  readonly env: {readonly versions: {readonly node?: string; readonly common?: string}};
}
interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}
interface OrtTensor {
  readonly data: Float32Array;
}

const ort = createRequire(import.meta.url)(process.env.UNTANGLE_BENCH_MODULE!) as OnnxRuntime;
const ERRORS_ONLY = 3;

let session: OrtSession | null = null;
let feeds: Record<string, OrtTensor> = {};
let last: Record<string, OrtTensor> = {};

await serve({
  load: async ({file, threads, inputs}: EngineTask) => {
    await session?.release();
    last = {};
    session = await ort.InferenceSession.create(file, {
      executionProviders: ['cpu'],
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      interOpNumThreads: 1,
      intraOpNumThreads: threads,
      logSeverityLevel: ERRORS_ONLY,
    });
    const make = ({data, shape}: EngineInput) => new ort.Tensor('float32', data, shape);
    feeds = feedsOf(session.inputNames[0]!, inputs, make);
    return {version: ort.env.versions.node ?? ort.env.versions.common ?? 'unknown'};
  },
  run: async () => {
    last = await session!.run(feeds);
  },
  output: () => last[session!.outputNames[0]!]!.data,
});
