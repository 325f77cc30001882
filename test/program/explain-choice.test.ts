// explain --why: the counts of every candidate are those of the program that the schedule is forced to.

import test from 'ava';
import {layerModel} from '../../bench/models/layer-model.js';
import {model} from '../../bench/models/onnx-file.js';
import {type Layer, readRows} from '../../bench/shapes.js';
import {explainChoices} from '../../src/compile.js';
import {compile, readBoard} from '../../src/index.js';

const TAPS = new Set(['gemmTaps', 'planarTaps', 'depthwise', 'winograd']);

function layerBytes(id: string): Uint8Array {
  const row = readRows().find((one): one is Layer => one.id === id)!;
  const few = (channels: number) => Math.min(channels, 32);
  const groups = Math.min(row.groups, 32);
  const [inChannels, outChannels] = [few(row.inChannels), few(row.outChannels)];
  return model(layerModel({...row, inChannels, outChannels, groups}));
}

for (const id of ['dcgan_k4_3', 'enet_d8', 'odd_k3s2', 'dw_bilinear', 's3_k5']) {
  test(`the candidates of ${id} are counted as programs of them are`, async t => {
    const bytes = layerBytes(id);
    const board = await readBoard('jetson-orin-nano');
    const [choice] = explainChoices(bytes, {threads: 1, board});
    const chosen = compile(bytes, {threads: 1, board}).explanation;
    t.deepEqual(
      choice!.candidates.filter(({isChosen}) => isChosen).map(({schedule}) => schedule),
      [chosen.commands.find(({op}) => TAPS.has(op))!.schedule],
    );
    for (const {schedule, tile, work, reason} of choice!.candidates) {
      t.is(work === null, reason !== null, schedule);
      if (tile !== null || work === null || (id === 'dw_bilinear' && schedule === 'ks')) continue;
      t.deepEqual(
        work.levels?.map(({from}) => from),
        ['L2', 'L3', 'memory'],
      );
      const {commands} = compile(bytes, {threads: 1, schedule}).explanation;
      const own = commands.filter(({op}) => TAPS.has(op));
      const sum = (field: 'macs' | 'readBytes' | 'writtenBytes') =>
        own.reduce((total, command) => total + command[field], 0);
      t.deepEqual(
        [work.steps, work.macs, work.readBytes, work.writtenBytes],
        [own.length, sum('macs'), sum('readBytes'), sum('writtenBytes')],
        schedule,
      );
    }
  });
}

test("the tiles of Winograd's form are listed one by one, none cheaper than the mix of them", t => {
  const [choice] = explainChoices(layerBytes('dcgan_k4_3'), {threads: 1});
  const tiles = choice!.candidates.filter(({schedule}) => schedule === 'winograd');
  t.deepEqual(
    tiles.map(({tile}) => tile),
    [null, 2, 4],
  );
  const [mix, ...single] = tiles.map(({work}) => work!.cost);
  // Near ties go to the first.
  t.true(mix! <= Math.min(...single) * 1.01, `${mix} ${single}`);
});

test('what does not apply has a reason', t => {
  const [choice] = explainChoices(layerBytes('dw_bilinear'), {threads: 1});
  const reasons = Object.fromEntries(
    choice!.candidates.flatMap(({schedule, reason}) =>
      reason === null ? [] : [[schedule, reason]],
    ),
  );
  t.deepEqual(Object.keys(reasons).sort(), ['fused-phases', 'huge2', 'ks', 'planar', 'winograd']);
  t.is(reasons['fused-phases'], 'a depthwise convolution has no GEMM');
  const [exact] = explainChoices(layerBytes('dcgan_k4_3'), {threads: 1, exact: true});
  t.is(
    exact!.candidates.find(({schedule}) => schedule === 'winograd')!.reason,
    "only the convolution's own products may be summed",
  );
});
