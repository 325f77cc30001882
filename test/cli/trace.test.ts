// The trace of a run: the form Perfetto reads, slices that nest, and numbers that agree with the profile.

import test, {type ExecutionContext} from 'ava';
import * as v from 'valibot';
import type {Roof} from '../../src/cli/roof.js';
import {type Trace, type TraceEvent, traceOf} from '../../src/cli/trace.js';
import {load} from '../../src/index.js';
import type {CommandTime} from '../../src/runtime/profile.js';
import {model} from '../helpers/onnx-builder.js';

/** Large enough that threads share its work: a convolution of 64 x 64 pixels, a pool and a transposed convolution. */
const NET = model({
  inputs: [{name: 'x', dims: [1, 16, 64, 64]}],
  outputs: [{name: 'y', dims: [1, 8, 128, 128]}],
  nodes: [
    {op: 'Conv', name: 'wide', inputs: ['x', 'w'], outputs: ['a'], attrs: {pads: [1, 1, 1, 1]}},
    {
      op: 'MaxPool',
      name: 'pool',
      inputs: ['a'],
      outputs: ['b'],
      attrs: {kernel_shape: [3, 3], pads: [1, 1, 1, 1]},
    },
    {op: 'ConvTranspose', name: 'up', inputs: ['b', 'u'], outputs: ['y'], attrs: {strides: [2, 2]}},
  ],
  initializers: {
    w: {dims: [16, 16, 3, 3], data: Array.from({length: 2304}, (_, i) => (i % 5) - 2)},
    u: {dims: [16, 8, 2, 2], data: Array.from({length: 512}, (_, i) => (i % 3) - 1)},
  },
});
const ROOF: Roof = {board: 'a board', threads: 2, gflops: 50, levels: [{name: 'memory', gbs: 5}]};

const index = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.number(), v.finite(), v.minValue(0));
const common = {name: v.pipe(v.string(), v.minLength(1)), pid: index, tid: index, ts: time};
const amounts = v.record(v.string(), v.union([v.string(), time]));
const EVENT = v.variant('ph', [
  v.strictObject({...common, ph: v.literal('X'), cat: v.string(), dur: time, args: amounts}),
  v.strictObject({...common, ph: v.literal('C'), args: v.strictObject({bytes: index})}),
  v.strictObject({...common, ph: v.literal('M'), args: amounts}),
]);
const TRACE = v.strictObject({
  displayTimeUnit: v.literal('ms'),
  otherData: amounts,
  traceEvents: v.array(EVENT),
});

interface Traced {
  readonly trace: Trace;
  readonly times: readonly CommandTime[];
}

async function traceRun(threads: number): Promise<Traced> {
  await using session = await load(NET, {threads, name: 'a net', schedule: 'fused-taps'});
  const feeds = {x: Float32Array.from({length: 16 * 64 * 64}, (_, i) => (i % 11) - 5)};
  await session.run(feeds, {profile: true});
  const times = session.profile!;
  const explanation = session.explain();
  return {trace: traceOf({explanation, times, threads, place: 'here', roof: ROOF}), times};
}

const slices = ({traceEvents}: Trace, pid: number) =>
  traceEvents.filter(event => event.ph === 'X' && event.pid === pid);
const endOf = ({ts, dur}: TraceEvent) => ts + dur!;
const ROUNDING = 1e-6;

/** Slices of one row lie apart or inside one another. */
function checkNesting(t: ExecutionContext, events: readonly TraceEvent[]): void {
  const open: TraceEvent[] = [];
  for (const event of [...events].sort((a, b) => a.ts - b.ts || b.dur! - a.dur!)) {
    while (open.length > 0 && endOf(open.at(-1)!) <= event.ts + ROUNDING) open.pop();
    const outer = open.at(-1);
    if (outer !== undefined) t.true(endOf(event) <= endOf(outer) + ROUNDING, event.name);
    open.push(event);
  }
}

for (const threads of [1, 2, 3]) {
  test(`a run on ${threads} thread(s) has the form of a trace, and its slices nest`, async t => {
    const {trace, times} = await traceRun(threads);
    t.deepEqual(v.safeParse(TRACE, JSON.parse(JSON.stringify(trace))).issues, undefined);
    const rows = trace.traceEvents.filter(({name, pid}) => name === 'thread_name' && pid === 1);
    t.deepEqual(
      rows.map(({tid}) => tid),
      Array.from({length: threads}, (_, thread) => thread),
    );

    const measured = slices(trace, 1);
    for (const {tid} of rows)
      checkNesting(
        t,
        measured.filter(event => event.tid === tid),
      );
    t.true(measured.every(({tid}) => tid < threads));
    const [run] = measured;
    const commands = measured.filter(({args}) => args?.predictedMs !== undefined);
    t.is(commands.length, times.length);
    const sum = commands.reduce((total, {dur}) => total + dur!, 0);
    t.true(sum > 0 && sum <= run!.dur! + ROUNDING * commands.length);
    for (const event of measured.filter(({cat}) => cat === 'work')) {
      const owner = commands[event.args!.command as number]!;
      t.true(event.ts >= owner.ts - ROUNDING && endOf(event) <= endOf(owner) + ROUNDING);
      t.true((event.args!.busyMs as number) <= event.dur! / 1e3 + ROUNDING);
    }
  });
}

test('the pieces of a tiled command are the same, however many threads share them', async t => {
  const [two, three] = await Promise.all([traceRun(2), traceRun(3)]);
  const pieces = ({times}: Traced) =>
    times.map(({work}) => work.reduce((sum, {items}) => sum + items, 0));
  t.deepEqual(pieces(two), pieces(three));
  t.true(Math.max(...pieces(two)) > 1);
  t.deepEqual(pieces(await traceRun(1)), pieces(two).fill(0));
});

test('predictions follow one another, and are the bounds of arithmetic and memory', async t => {
  const {trace} = await traceRun(2);
  const predicted = slices(trace, 2);
  const measured = slices(trace, 1).filter(({args}) => args?.predictedMs !== undefined);
  let end = 0;
  for (const [i, {ts, dur, args}] of predicted.entries()) {
    t.true(Math.abs(ts - end) < ROUNDING);
    end = ts + dur!;
    const {flop, readBytes, writtenBytes, predictedMs} = measured[i]!.args! as Record<
      string,
      number
    >;
    const bound = Math.max(flop! / 50, (readBytes! + writtenBytes!) / 5) / 1e6;
    t.true(Math.abs(predictedMs! - bound) < 1e-5);
    t.is(args!.predictedMs, predictedMs);
  }
  t.is(predicted.length, measured.length);
});

test('without a roof nothing is predicted', async t => {
  await using session = await load(NET, {threads: 1});
  const explanation = session.explain();
  const times = explanation.commands.map(({op, name}) => ({op, name, ms: 1, startMs: 0, work: []}));
  const {traceEvents} = traceOf({explanation, times, threads: 0, place: 'a GPU'});
  const [row] = traceEvents.filter(({name}) => name === 'thread_name');
  t.is(row!.args!.name, 'GPU');
  t.true(traceEvents.every(({pid, args}) => pid === 1 && args?.predictedMs === undefined));
});
