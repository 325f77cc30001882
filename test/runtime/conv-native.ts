// A random convolution on the native executor against its definition: exactly, since the data are small integers, or
// within the bound of Winograd's form.

import type {Graph} from '../../src/graph/graph.js';
import {loadAddon} from '../../src/runtime/native.js';
import type {ScheduleName} from '../../src/schedule/candidates.js';
import type {Device, Precision} from '../../src/schedule/device.js';
import {schedule} from '../../src/schedule/schedule.js';
import type {Step} from '../../src/schedule/steps.js';
import {
  type ConvCase,
  type ConvData,
  dataOf,
  definitionOf,
  graphOf,
} from '../schedule/conv-cases.js';
import {encodeSchedule} from '../schedule/lower-run.js';
import {assertComputed} from '../schedule/winograd-bound.js';

/** One way to run a case. */
export interface Way {
  readonly schedule: ScheduleName;
  readonly isa: string;
  /** Runs on the GPU of this driver instead. */
  readonly driver?: string;
  readonly precision?: Precision;
  /** Default: what it runs on. */
  readonly compiledFor?: Device;
}

/**
 * Runs a case in the given ways and returns what ran: `cks on avx2`. Schedules that come to the same program, as where one does not
 * apply and gives way to another, run once on each instruction set.
 */
export async function checkCase(conv: ConvCase, ways: readonly Way[]): Promise<string[]> {
  const data = dataOf(conv);
  const graph = graphOf(conv, data.weights, data.bias);
  const expected = expectedOf(conv, data);
  const threads = 1 + (conv.seed % 2);
  const ran: string[] = [];
  const planned = new Map<string, Planned>();
  const done: {readonly place: string; readonly program: Uint8Array}[] = [];
  for (const way of ways) {
    const key = `${way.schedule} ${way.driver}`;
    const {program, steps, name} = planned.get(key) ?? programOf(graph, way);
    planned.set(key, {program, steps, name});
    ran.push(`${name} on ${way.driver === undefined ? way.isa : 'the GPU'}`);
    const place = `${way.isa} ${way.driver} ${way.precision}`;
    if (done.some(one => one.place === place && Buffer.compare(one.program, program) === 0))
      continue;
    done.push({place, program});
    const y = await runNative(program, {x: data.x, size: expected.length, way, threads});
    const what = `${way.schedule} on ${way.driver ?? way.isa}, ${threads} thread(s)`;
    assertComputed(steps, conv.definition.inChannels, {actual: y, expected, what});
  }
  return ran;
}

/** Definition, bias and activation, in NC order. */
function expectedOf(conv: ConvCase, data: ConvData): number[] {
  const {outChannels, output} = conv.definition;
  const pixels = output.reduce((product, size) => product * size, 1);
  return definitionOf(conv, data).map((sum, i) =>
    Math.max(0, sum + data.bias[Math.floor(i / pixels) % outChannels]!),
  );
}

interface Planned {
  readonly program: Uint8Array;
  readonly steps: readonly Step[];
  readonly name: string;
}

function programOf(graph: Graph, way: Way): Planned {
  const device = way.compiledFor ?? (way.driver === undefined ? 'cpu' : 'cuda');
  const planned = schedule(graph, {schedule: way.schedule, device});
  const step = planned.steps.find(one => one.schedule !== '');
  const program = encodeSchedule(graph, planned);
  return {program, steps: planned.steps, name: step?.schedule ?? ''};
}

async function runNative(
  program: Uint8Array,
  run: {x: Float32Array; size: number; way: Way; threads: number},
): Promise<Float32Array> {
  const {way} = run;
  const {isa, driver} = way;
  const gpu =
    driver === undefined
      ? undefined
      : {driver, budgetBytes: Number.MAX_SAFE_INTEGER, precision: way.precision ?? 'fp32'};
  const session = loadAddon().open(program, run.threads, isa, 0, gpu);
  const y = new Float32Array(run.size).fill(Number.NaN);
  await session.run([run.x], [y], false);
  session.dispose();
  return y;
}
