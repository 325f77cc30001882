// Random small graphs from a list of numbers, so that fast-check can shrink them.

import fc from 'fast-check';
import type {Graph, Operation, ResizeAxis} from '../../src/graph/graph.js';
import {plainWeights} from '../../src/graph/weights.js';
import {
  binaryChain,
  buildGraph,
  convolution,
  type GraphBuilder,
  NO_EPILOGUE,
  RELU,
  unaryChain,
} from './lower-graph.js';

/** One node to add: which kind, on which values, with which choices. */
export interface Move {
  readonly kind: keyof typeof MOVES;
  readonly pick: number;
  readonly choices: readonly number[];
}

interface Draw {
  readonly graph: GraphBuilder;
  readonly x: string;
  readonly shape: readonly number[];
  /** All values so far, for second operands. */
  readonly values: readonly string[];
  /** The next choice, below `count`. */
  choose(count: number): number;
}

/** Each adds a node (or nothing, when the value does not suit it) and returns its output. */
const MOVES = {
  relu: ({graph, x, shape}: Draw) => graph.add(unaryChain(RELU), [x], shape),
  add: (draw: Draw) => {
    const {graph, x, shape, values} = draw;
    const partners = values.filter(name => graph.shape(name).join() === shape.join());
    return graph.add(binaryChain('add'), [x, partners[draw.choose(partners.length)]!], shape);
  },
  addConstant: (draw: Draw) => {
    const {graph, x, shape} = draw;
    const kept = shape
      .slice(draw.choose(shape.length + 1))
      .map(count => (draw.choose(2) === 0 ? 1 : count));
    return graph.add(binaryChain('sub'), [x, graph.constant(kept)], shape);
  },
  transpose: (draw: Draw) => {
    const perm = shuffle(
      draw.shape.map((_, dim) => dim),
      draw,
    );
    return draw.graph.add(
      {op: 'transpose', perm},
      [draw.x],
      perm.map(dim => draw.shape[dim]!),
    );
  },
  reshape: (draw: Draw) => {
    let rest = draw.shape.reduce((a, b) => a * b, 1);
    const shape: number[] = [];
    for (let dim = 0; dim < 3 && rest > 1; dim++) {
      const divisors = Array.from({length: rest}, (_, i) => i + 1).filter(
        count => rest % count === 0,
      );
      shape.push(divisors[draw.choose(divisors.length)]!);
      rest /= shape.at(-1)!;
    }
    return draw.graph.add({op: 'reshape'}, [draw.x], [...shape, rest]);
  },
  slice: (draw: Draw) => {
    const windows = draw.shape.map(count => {
      const step = draw.choose(2) + 1;
      const start = draw.choose(count);
      const isReversed = draw.choose(3) === 0;
      return isReversed
        ? {start, step: -step, count: Math.floor(start / step) + 1}
        : {start, step, count: Math.ceil((count - start) / step)};
    });
    const operation: Operation = {
      op: 'slice',
      starts: windows.map(({start}) => start),
      steps: windows.map(({step}) => step),
    };
    return draw.graph.add(
      operation,
      [draw.x],
      windows.map(({count}) => count),
    );
  },
  expand: (draw: Draw) => {
    const shape = draw.shape.map(count => (count === 1 ? draw.choose(2) + 1 : count));
    return draw.graph.add(
      {op: 'expand'},
      [draw.x],
      draw.choose(2) === 0 && shape.length < 4 ? [2, ...shape] : shape,
    );
  },
  concat: (draw: Draw) => {
    const {graph, x, shape, values} = draw;
    if (shape.length === 0) return x;
    const axis = draw.choose(shape.length);
    const fits = values.filter(
      name =>
        graph.shape(name).length === shape.length &&
        graph.shape(name).every((count, dim) => dim === axis || count === shape[dim]),
    );
    const parts = [
      x,
      fits[draw.choose(fits.length)]!,
      ...(draw.choose(2) === 0 ? [fits[draw.choose(fits.length)]!] : []),
    ];
    return graph.add(
      {op: 'concat', axis},
      parts,
      shape.with(
        axis,
        parts.reduce((sum, name) => sum + graph.shape(name)[axis]!, 0),
      ),
    );
  },
  pad: (draw: Draw) => {
    const mode = (['constant', 'reflect', 'edge', 'wrap'] as const)[draw.choose(4)]!;
    const pads = draw.shape.map(count => {
      if (draw.choose(2) === 0) return [0, 0];
      const isCut = draw.choose(4) === 0 && count > 2;
      return isCut ? [-1, draw.choose(2)] : [draw.choose(4), draw.choose(4)];
    });
    const [begin, end] = [pads.map(pad => pad[0]!), pads.map(pad => pad[1]!)];
    const shape = draw.shape.map((count, dim) => count + begin[dim]! + end[dim]!);
    return draw.graph.add({op: 'pad', mode, begin, end, value: 9}, [draw.x], shape);
  },
  gather: (draw: Draw) => {
    if (draw.shape.length === 0) return draw.x;
    const axis = draw.choose(draw.shape.length);
    const indices = Array.from({length: draw.choose(3) + 1}, () => draw.choose(draw.shape[axis]!));
    return draw.graph.add(
      {op: 'gather', axis, indices},
      [draw.x],
      draw.shape.with(axis, indices.length),
    );
  },
  reduce: (draw: Draw) => {
    const axes = draw.shape.map((_, dim) => dim).filter(() => draw.choose(2) === 0);
    const isKept = draw.choose(2) === 0;
    const fn = (['max', 'min', 'mean', 'sumSquares', 'sumAbs'] as const)[draw.choose(5)]!;
    const shape = isKept
      ? draw.shape.map((count, dim) => (axes.includes(dim) ? 1 : count))
      : draw.shape.filter((_, dim) => !axes.includes(dim));
    return draw.graph.add({op: 'reduce', fn, axes}, [draw.x], shape);
  },
  argReduce: (draw: Draw) => {
    // Of rounded values the f32 interpreter and the reference may find different ones largest: inputs are exact.
    const x = draw.values[draw.choose(INPUTS)]!;
    const shape = draw.graph.shape(x);
    const axis = draw.choose(shape.length);
    const fn = (['max', 'min'] as const)[draw.choose(2)]!;
    return draw.graph.add(
      {op: 'argReduce', fn, axis, last: draw.choose(2) === 0},
      [x],
      draw.choose(2) === 0 ? shape.with(axis, 1) : shape.toSpliced(axis, 1),
    );
  },
  cumulative: (draw: Draw) => {
    if (draw.shape.length === 0) return draw.x;
    const operation: Operation = {
      op: 'cumulative',
      fn: 'sum',
      axis: draw.choose(draw.shape.length),
      exclusive: draw.choose(2) === 0,
      reverse: draw.choose(2) === 0,
    };
    return draw.graph.add(operation, [draw.x], draw.shape);
  },
  standardize: (draw: Draw) => {
    const axes = draw.shape.map((_, dim) => dim).filter(() => draw.choose(2) === 0);
    return draw.graph.add({op: 'standardize', axes, epsilon: 0.5}, [draw.x], draw.shape);
  },
  softmax: (draw: Draw) =>
    draw.shape.length === 0
      ? draw.x
      : draw.graph.add(
          {op: 'softmax', axis: draw.choose(draw.shape.length), log: draw.choose(2) === 0},
          [draw.x],
          draw.shape,
        ),
  resize: (draw: Draw) => {
    const axes = draw.shape.map((count): ResizeAxis => {
      if (draw.choose(2) === 0)
        return {taps: 0, indices: new Int32Array(0), weights: new Float32Array(0)};
      const [taps, output] = [draw.choose(2) + 1, draw.choose(4) + 1];
      const weights = Float32Array.from({length: output * taps}, () => draw.choose(3));
      return {
        taps,
        indices: Int32Array.from({length: output * taps}, () => draw.choose(count)),
        weights,
      };
    });
    const shape = draw.shape.map((count, dim) =>
      axes[dim]!.taps === 0 ? count : axes[dim]!.indices.length / axes[dim]!.taps,
    );
    return draw.graph.add({op: 'resize', axes}, [draw.x], shape);
  },
  pool: (draw: Draw) => {
    const spatial = draw.shape.slice(2);
    if (draw.shape.length < 3 || draw.shape.length > 4) return draw.x;
    const kernel = spatial.map(count => Math.min(draw.choose(3) + 1, count));
    const strides = spatial.map(() => draw.choose(2) + 1);
    const pads = kernel.map(count => draw.choose(count));
    const shape = spatial.map(
      (count, d) => Math.floor((count + pads[d]! - kernel[d]!) / strides[d]!) + 1,
    );
    const common = {
      kernel,
      strides,
      dilations: spatial.map(() => 1),
      padBegin: pads,
      padEnd: spatial.map(() => 0),
    };
    const fn = draw.choose(2) === 0 ? 'max' : 'average';
    return draw.graph.add(
      {op: 'pool', fn, ...common, countIncludePad: draw.choose(2) === 0},
      [draw.x],
      [...draw.shape.slice(0, 2), ...shape],
    );
  },
  instanceNorm: (draw: Draw) => {
    if (draw.shape.length < 3 || draw.shape.length > 4) return draw.x;
    const scale = Float32Array.from({length: draw.shape[1]!}, (_, c) => c + 1);
    return draw.graph.add(
      {
        op: 'instanceNorm',
        epsilon: 0.5,
        scale,
        bias: scale.map(value => -value),
        epilogue: {activation: RELU},
      },
      [draw.x],
      draw.shape,
    );
  },
  conv: (draw: Draw) => {
    if (draw.shape.length < 3 || draw.shape.length > 5) return draw.x;
    const kernel = draw.shape.slice(2).map(count => Math.min(draw.choose(3) + 1, count));
    const padBegin = kernel.map(() => draw.choose(2));
    const outChannels = draw.choose(4) + 1;
    const shape = [
      draw.shape[0]!,
      outChannels,
      ...draw.shape.slice(2).map((count, d) => count + padBegin[d]! - kernel[d]! + 1),
    ];
    const partner = draw.values.find(name => draw.graph.shape(name).join() === shape.join());
    if (partner === undefined || draw.choose(2) === 0)
      return draw.graph.add(
        convolution([draw.shape[1]!, outChannels], kernel, {padBegin}),
        [draw.x],
        shape,
      );
    const residual =
      draw.choose(2) === 0 ? partner : draw.graph.add(unaryChain(RELU), [partner], shape);
    return draw.graph.add(
      convolution([draw.shape[1]!, outChannels], kernel, {padBegin, residual}),
      [draw.x, residual],
      shape,
    );
  },
  dynamicConv: (draw: Draw) => {
    if (draw.shape.length < 3 || draw.shape.length > 5) return draw.x;
    // Any value of the right rank whose second axis fits serves as weights, as it lies.
    const fits = draw.values.filter(name => {
      const shape = draw.graph.shape(name);
      return (
        shape.length === draw.shape.length &&
        shape[1] === draw.shape[1] &&
        shape.slice(2).every((count, d) => count <= draw.shape[d + 2]!)
      );
    });
    const weights = fits[draw.choose(fits.length)]!;
    const [outChannels, , ...kernel] = draw.graph.shape(weights) as [number, number, ...number[]];
    const biases = draw.values.filter(name => draw.graph.shape(name).join() === `${outChannels}`);
    const bias = draw.choose(2) === 0 ? [] : [biases[0] ?? draw.graph.constant([outChannels])];
    const {geometry} = convolution([1, 1], kernel) as Extract<Operation, {op: 'conv'}>;
    const shape = draw.shape.slice(2).map((count, d) => count - kernel[d]! + 1);
    return draw.graph.add(
      {op: 'dynamicConv', geometry, hasBias: bias.length > 0, epilogue: NO_EPILOGUE},
      [draw.x, weights, ...bias],
      [draw.shape[0]!, outChannels, ...shape],
    );
  },
  gemm: (draw: Draw) => {
    const [rows, columns] = [draw.shape.at(-1)!, draw.choose(4) + 1];
    if (draw.shape.length < 2 || draw.shape.length > 4) return draw.x;
    const weights = Float32Array.from({length: rows * columns}, (_, i) => (i % 5) - 2);
    return draw.graph.add(
      {op: 'gemm', weights: plainWeights(weights), bias: null, epilogue: NO_EPILOGUE},
      [draw.x],
      draw.shape.with(-1, columns),
    );
  },
  matmul: (draw: Draw) => {
    if (draw.shape.length < 2) return draw.x;
    const rank = draw.shape.length;
    const swapped = draw.graph.add(
      {
        op: 'transpose',
        perm: [...draw.shape.keys()].map(dim =>
          dim === rank - 1 ? rank - 2 : dim === rank - 2 ? rank - 1 : dim,
        ),
      },
      [draw.x],
      [...draw.shape.slice(0, -2), draw.shape.at(-1)!, draw.shape.at(-2)!],
    );
    return draw.graph.add(
      {op: 'matmul'},
      [draw.x, swapped],
      [...draw.shape.slice(0, -1), draw.shape.at(-2)!],
    );
  },
};

/** The first values. */
const INPUTS = 3;

/** Values beyond this size are not used further: a test runs thousands of nodes. */
const MAX_ELEMENTS = 600;

/** The graph that a list of moves describes; its last values and now and then another one are outputs. */
export function graphOf(moves: readonly Move[], channels: number): Graph {
  const graph = buildGraph();
  const values = [
    graph.input([1, channels, 4, 3]),
    graph.input([2, channels, 3]),
    graph.input([1, channels, 3, 2, 4]),
  ];
  for (const {kind, pick, choices} of moves) {
    const x = values[values.length - 1 - (pick % Math.min(values.length, 3))]!;
    let next = 0;
    const choose = (count: number) => choices[next++ % choices.length]! % count;
    const name = MOVES[kind]({graph, x, shape: graph.shape(x), values, choose});
    const shape = graph.shape(name);
    const isUsable = shape.length <= 5 && shape.reduce((a, b) => a * b, 1) <= MAX_ELEMENTS;
    if (isUsable && name !== x) values.push(name);
    if (choices[0]! % 5 === 0) graph.output(name);
  }
  graph.output(values.at(-1)!);
  return graph.build();
}

export const randomGraphs: fc.Arbitrary<Graph> = fc
  .tuple(
    fc.array(
      fc.record({
        kind: fc.constantFrom(...(Object.keys(MOVES) as (keyof typeof MOVES)[])),
        pick: fc.nat(20),
        choices: fc.array(fc.nat(60), {minLength: 5, maxLength: 12}),
      }),
      {minLength: 1, maxLength: 10},
    ),
    fc.constantFrom(1, 2, 4),
  )
  .map(([moves, channels]) => graphOf(moves, channels));

function shuffle(items: readonly number[], draw: Draw): number[] {
  const rest = [...items];
  const shuffled: number[] = [];
  while (rest.length > 0) shuffled.push(...rest.splice(draw.choose(rest.length), 1));
  return shuffled;
}
