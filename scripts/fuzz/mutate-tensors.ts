// Changes of tensors and ports: numbers, dimensions, types, places.

import {type Case, changeList, FLOATS, type Mutation, number} from './model-message.js';

const LOCATIONS = ['../x', '/dev/zero', 'w.bin', '', 'a\0b', '%2e%2e/x', '..\\x'];

/** The likelier ones twice. */
export const TENSOR_MUTATIONS: readonly Mutation[] = [
  changeNumbersOfTensor,
  changeNumbersOfTensor,
  changeDims,
  changeDims,
  changePort,
  changePort,
  swapTensors,
  retypeTensor,
  moveTensorOut,
  exchangeInputAndConstant,
];

/** The elements of an int64 tensor: shapes, pads, axes and indices are such. */
function changeNumbersOfTensor(target: Case): void {
  const {random, graph} = target;
  const tensors = graph.initializer.filter(tensor => (tensor.rawData?.length ?? 0) >= 4);
  if (tensors.length === 0) return;
  const tensor = random.pick(tensors);
  const raw = tensor.rawData!.slice();
  const view = new DataView(raw.buffer);
  if (tensor.dataType === 7 && raw.length >= 8) {
    const at = random.below(Math.floor(raw.length / 8)) * 8;
    view.setBigInt64(at, BigInt.asIntN(64, BigInt(number(target))), true);
  } else {
    const at = random.below(Math.floor(raw.length / 4)) * 4;
    view.setFloat32(at, random.oneIn(2) ? random.pick(FLOATS) : number(target), true);
  }
  tensor.rawData = raw;
}

function changeDims(target: Case): void {
  const {random, graph} = target;
  if (graph.initializer.length === 0) return;
  changeList(target, random.pick(graph.initializer), 'dims');
}

function changePort(target: Case): void {
  const {random, graph} = target;
  const ports = [...graph.input, ...graph.output];
  if (ports.length === 0) return;
  const tensor = random.pick(ports).type?.tensorType;
  if (tensor === undefined) return;
  const dims = tensor.shape?.dim ?? [];
  const how = random.below(6);
  if (how === 0) tensor.elemType = random.below(24);
  else if (how === 1) Object.assign(tensor, {shape: {dim: [...dims, {dimValue: number(target)}]}});
  else if (how === 2) Object.assign(tensor, {shape: {dim: dims.slice(1)}});
  else if (how === 3) delete tensor.shape;
  else if (dims.length > 0) {
    const at = random.below(dims.length);
    const dim = random.oneIn(6)
      ? {dimParam: random.pick(['N', '', 'x'])}
      : {dimValue: number(target)};
    tensor.shape = {dim: dims.map((old, index) => (index === at ? dim : old))};
  }
}

function swapTensors({random, graph}: Case): void {
  if (graph.initializer.length === 0) return;
  const [a, b] = [random.pick(graph.initializer), random.pick(graph.initializer)];
  [a.name, b.name] = [b.name ?? '', a.name ?? ''];
}

function retypeTensor({random, graph}: Case): void {
  if (graph.initializer.length === 0) return;
  random.pick(graph.initializer).dataType = random.below(24);
}

function moveTensorOut({random, graph}: Case): void {
  if (graph.initializer.length === 0) return;
  const tensor = random.pick(graph.initializer);
  tensor.dataLocation = 1;
  tensor.externalData = [{key: 'location', value: random.pick(LOCATIONS)}];
  if (random.oneIn(2)) delete tensor.rawData;
}

function exchangeInputAndConstant({random, graph}: Case): void {
  if (random.oneIn(2) && graph.initializer.length > 0) {
    const [tensor] = graph.initializer.splice(random.below(graph.initializer.length), 1);
    const dim = (tensor!.dims ?? []).map(dimValue => ({dimValue}));
    graph.input.push({
      name: tensor!.name ?? '',
      type: {tensorType: {elemType: tensor!.dataType ?? 1, shape: {dim}}},
    });
    return;
  }
  const port = graph.input.shift();
  if (port === undefined) return;
  const dims = (port.type?.tensorType?.shape?.dim ?? []).map(({dimValue}) => dimValue ?? 1);
  const elements = dims.reduce((product, size) => product * size, 1);
  const rawData = new Uint8Array(elements >= 0 && elements < 10_000 ? elements * 4 : 0);
  graph.initializer.push({name: port.name ?? '', dataType: 1, dims, rawData});
}
