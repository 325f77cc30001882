// Random networks of maps, for bands: every operation that can be computed by rows, after one another and side by side.

import fc from 'fast-check';
import type {ConvGeometry, Graph, Operation} from '../../src/graph/graph.js';
import {plainWeights} from '../../src/graph/weights.js';
import {
  binaryChain,
  buildGraph,
  type GraphBuilder,
  NO_EPILOGUE,
  RELU,
  unaryChain,
} from './lower-graph.js';

const KINDS = [
  'conv',
  'transposed',
  'pool',
  'resize',
  'pad',
  'chain',
  'add',
  'concat',
  'slice',
  'norm',
] as const;
const MODES = ['constant', 'reflect', 'edge', 'wrap'] as const;

/** A layer: what it is, and four numbers that choose its sizes. */
interface Layer {
  readonly kind: (typeof KINDS)[number];
  readonly numbers: readonly [number, number, number, number];
}

const layer: fc.Arbitrary<Layer> = fc.record({
  kind: fc.constantFrom(...KINDS),
  numbers: fc.tuple(fc.nat(11), fc.nat(11), fc.nat(11), fc.nat(11)),
});

export const NETWORKS = fc
  .record({
    batch: fc.integer({min: 1, max: 2}),
    channels: fc.integer({min: 1, max: 3}),
    height: fc.integer({min: 9, max: 24}),
    width: fc.integer({min: 5, max: 9}),
    layers: fc.array(layer, {minLength: 1, maxLength: 7}),
  })
  .map(({batch, channels, height, width, layers}) =>
    network([batch, channels, height, width], layers),
  );

/** The largest map a layer may make, and the most channels: whole numbers stay exact and cases small. */
const MOST_ROWS = 64;
const MOST_CHANNELS = 8;

function network(shape: readonly number[], layers: readonly Layer[]): Graph {
  const graph = buildGraph();
  const made = [graph.input(shape)];
  for (const each of layers) {
    const next = addLayer(graph, made, each);
    if (next !== null) made.push(next);
  }
  graph.output(made.at(-1)!);
  if (layers[0]!.numbers[3] < 3) graph.output(made[made.length >> 1]!);
  return graph.build();
}

/** The last value, others, and what the numbers of a layer are. */
interface At {
  readonly graph: GraphBuilder;
  readonly made: readonly string[];
  readonly x: string;
  readonly shape: readonly number[];
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly numbers: Layer['numbers'];
  /** Values of the same shape. */
  readonly like: readonly string[];
  /** Adds a node that makes [channels, rows, columns]; null where the sizes do not fit. */
  emit(operation: Operation, inputs: readonly string[], sizes: readonly number[]): string | null;
}

/** Adds a layer to the last value; null where its sizes do not fit. */
function addLayer(
  graph: GraphBuilder,
  made: readonly string[],
  {kind, numbers}: Layer,
): string | null {
  const x = made.at(-1)!;
  const shape = graph.shape(x);
  const [batch, channels, height, width] = shape as [number, number, number, number];
  const emit: At['emit'] = (operation, inputs, sizes) => {
    const [outChannels, outHeight, outWidth] = sizes as [number, number, number];
    const isSmall = outHeight <= MOST_ROWS && outWidth <= MOST_ROWS && outChannels <= MOST_CHANNELS;
    if (outHeight < 1 || outWidth < 1 || !isSmall) return null;
    return graph.add(operation, inputs, [batch, outChannels, outHeight, outWidth]);
  };
  const like = made.filter(name => name !== x && String(graph.shape(name)) === String(shape));
  return LAYERS[kind]({graph, made, x, shape, channels, height, width, numbers, like, emit});
}

const LAYERS: Readonly<Record<Layer['kind'], (at: At) => string | null>> = {
  conv({x, channels, height, width, like, emit, numbers}) {
    const [a, b, c, d] = numbers;
    const [kernel, stride, dilation, pad] = [1 + (a % 4), 1 + (b % 2), 1 + (c % 3), d % 4];
    const residual = stride === 1 && like.length > 0 && 2 * pad === (kernel - 1) * dilation;
    const out = residual ? channels : 1 + ((a + b) % 3);
    const size = (length: number) =>
      Math.floor((length + 2 * pad - (kernel - 1) * dilation - 1) / stride) + 1;
    const geometry = {transposed: false, kernel, stride, dilation, pad};
    const operation = conv(geometry, [channels, out], residual ? like[0] : undefined);
    return emit(operation, residual ? [x, like[0]!] : [x], [out, size(height), size(width)]);
  },
  transposed({x, channels, height, width, emit, numbers}) {
    const [a, b, c, d] = numbers;
    const [kernel, stride, pad, extra] = [1 + (a % 4), 1 + (b % 3), c % 2, d % 2];
    const out = 1 + ((c + d) % 3);
    const size = (length: number) =>
      (length - 1) * stride + kernel - 2 * pad + (stride > 1 ? extra : 0);
    const geometry = {transposed: true, kernel, stride, dilation: 1, pad};
    return emit(conv(geometry, [channels, out]), [x], [out, size(height), size(width)]);
  },
  pool({x, channels, height, width, emit, numbers}) {
    const [a, b, c] = numbers;
    const [kernel, stride] = [1 + (a % 3), 1 + (b % 2)];
    const pad = Math.min(c % 2, kernel - 1);
    const size = (length: number) => Math.floor((length + 2 * pad - kernel) / stride) + 1;
    const pads = {padBegin: [pad, pad], padEnd: [pad, pad]};
    const windows = {kernel: [kernel, kernel], strides: [stride, stride], dilations: [1, 1]};
    const operation = {
      op: 'pool',
      fn: 'max',
      ...windows,
      ...pads,
      countIncludePad: false,
    } as const;
    return emit(operation, [x], [channels, size(height), size(width)]);
  },
  resize({x, channels, height, width, emit}) {
    return emit(nearest(height), [x], [channels, 2 * height, width]);
  },
  pad({x, channels, height, width, emit, numbers}) {
    const [a, b, c, d] = numbers;
    const mode = MODES[a % 4]!;
    const most = mode === 'constant' ? 3 : Math.min(height, width) - 1;
    const pads = [b, c, d].map(size => Math.min(most, size % 5)) as [number, number, number];
    const operation = {
      op: 'pad',
      mode,
      begin: [0, 0, pads[0], pads[2]],
      end: [0, 0, pads[1], 0],
      value: 2,
    } as const;
    return emit(operation, [x], [channels, height + pads[0] + pads[1], width + pads[2]]);
  },
  chain({graph, x, channels, height, width, emit, numbers}) {
    const [a] = numbers;
    const factor = graph.constant(a % 2 === 0 ? [channels, 1, 1] : [height, width]);
    return emit(binaryChain('max'), [x, factor], [channels, height, width]);
  },
  add({x, channels, height, width, like, emit, numbers}) {
    const [a] = numbers;
    return like.length > 0
      ? emit(binaryChain('add'), [x, like[a % like.length]!], [channels, height, width])
      : emit(unaryChain(RELU), [x], [channels, height, width]);
  },
  concat({graph, made, x, shape, channels, height, width, emit, numbers}) {
    const [a] = numbers;
    const rows = made.filter(name => String(graph.shape(name).slice(2)) === String(shape.slice(2)));
    const other = rows[a % rows.length]!;
    return emit(
      {op: 'concat', axis: 1},
      [x, other],
      [channels + graph.shape(other)[1]!, height, width],
    );
  },
  slice({x, channels, height, width, emit, numbers}) {
    const [a, b, c] = numbers;
    const [start, step] = [a % 3, 1 + (b % 2)];
    const rows = Math.floor((height - start - 1 - (c % 3)) / step) + 1;
    return emit(
      {op: 'slice', starts: [0, 0, start, 0], steps: [1, 1, step, 1]},
      [x],
      [channels, rows, width],
    );
  },
  norm({x, channels, height, width, numbers, like, emit}) {
    if (x.startsWith('x')) return null;
    const residual = numbers[0] % 2 === 0 ? like[0] : undefined;
    const operation: Operation = {
      op: 'instanceNorm',
      epsilon: 1,
      scale: Float32Array.from({length: channels}, (_, c) => c + 1),
      bias: Float32Array.from({length: channels}, (_, c) => 1 - c),
      epilogue: {...NO_EPILOGUE, ...(residual === undefined ? {} : {residual})},
    };
    const inputs = residual === undefined ? [x] : [x, residual];
    return emit(operation, inputs, [channels, height, width]);
  },
};

interface Square {
  readonly transposed: boolean;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly pad: number;
}

function conv(
  {transposed, kernel, stride, dilation, pad}: Square,
  [inChannels, outChannels]: readonly [number, number],
  residual?: string,
): Operation {
  const both = (value: number) => [value, value];
  const geometry: ConvGeometry = {
    transposed,
    groups: 1,
    kernel: both(kernel),
    strides: both(stride),
    dilations: both(dilation),
    padBegin: both(pad),
  };
  const count = inChannels * outChannels * kernel * kernel;
  return {
    op: 'conv',
    geometry,
    weights: plainWeights(Float32Array.from({length: count}, (_, i) => ((i * 3) % 3) - 1)),
    bias: Float32Array.from({length: outChannels}, (_, i) => i - 1),
    epilogue: {...NO_EPILOGUE, ...(residual === undefined ? {} : {residual})},
  };
}

/** Rows doubled, columns as they are. */
function nearest(height: number): Operation {
  const same = {taps: 0, indices: new Int32Array(), weights: new Float32Array()};
  const rows = {
    taps: 1,
    indices: Int32Array.from({length: 2 * height}, (_, row) => row >> 1),
    weights: new Float32Array(2 * height).fill(1),
  };
  return {op: 'resize', axes: [same, same, rows, same]};
}
