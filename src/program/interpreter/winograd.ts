// winograd: every tile transformed, multiplied product by product, and transformed back.

import {PANEL} from '../../untangle/pack.js';
import {
  type WinogradMatrices,
  type WinogradTile,
  winogradInputs,
  winogradMatrices,
} from '../../untangle/winograd.js';
import type {Command} from '../commands.js';
import {type Epilogue, elementOf, resolveEpilogue} from './epilogue.js';
import {
  countReadAll,
  type Machine,
  type Operand,
  pixelOffset,
  resolve,
  resolveOptional,
} from './machine.js';
import {isInside} from './regions.js';

type WinogradCommand = Extract<Command, {op: 'winograd'}>;

/** The command with its views resolved. */
interface Winograd {
  readonly command: WinogradCommand;
  readonly machine: Machine;
  readonly x: Operand;
  readonly y: Operand;
  readonly weights: Operand;
  readonly epilogue: Epilogue;
  readonly matrices: WinogradMatrices;
  /** Inputs of a tile along each axis. */
  readonly inputs: number;
  readonly tile: number;
  /** Transformed tiles wait in the arena, where they count. */
  readonly isWaiting: boolean;
}

/** Output pixels (row + dilation * i, column + dilation * j) of an image. */
interface Tile {
  readonly n: number;
  readonly row: number;
  readonly column: number;
}

export function runWinograd(command: WinogradCommand, machine: Machine): void {
  const tile = command.tile as WinogradTile;
  const job: Winograd = {
    command,
    machine,
    x: resolve(machine, command.x),
    y: resolve(machine, command.y),
    weights: resolve(machine, command.weightsView),
    epilogue: resolveEpilogue(machine, command),
    matrices: winogradMatrices(tile),
    inputs: winogradInputs(tile),
    tile,
    isWaiting: resolveOptional(machine, command.scratchView) !== null,
  };
  machine.counter.beginPass();
  countReadAll(machine.counter, job.weights);
  countReadAll(machine.counter, job.epilogue.bias);
  countReadAll(machine.counter, job.epilogue.slope);

  const [batch, height, width] = job.y.shape as [number, number, number];
  const rows = tileStarts(height, command.dilationY, tile);
  const columns = tileStarts(width, command.dilationX, tile);
  for (let n = 0; n < batch; n++) {
    for (const row of rows) for (const column of columns) runTile(job, {n, row, column});
  }
}

/** The first output of every tile: each residue of the dilation has as many tiles as the first. */
function tileStarts(size: number, dilation: number, tile: number): number[] {
  const perResidue = Math.ceil(Math.ceil(size / dilation) / tile);
  const starts: number[] = [];
  for (let residue = 0; residue < Math.min(dilation, size); residue++) {
    for (let index = 0; index < perResidue; index++) starts.push(residue + dilation * tile * index);
  }
  return starts;
}

function runTile(job: Winograd, tile: Tile): void {
  const {inputs, x, y, weights, machine, isWaiting} = job;
  const [inChannels, outChannels] = [x.shape[3]!, y.shape[3]!];
  const columns = Math.ceil(outChannels / PANEL) * PANEL;
  const products = inputs * inputs;
  const transformed = Array.from({length: inChannels}, (_, channel) =>
    transform(job.matrices.input, readWindow(job, tile, channel)),
  );
  machine.counter.addMacs(products * inChannels * outChannels);
  if (isWaiting) machine.counter.addScratch(products * (inChannels + columns));

  for (let c = 0; c < outChannels; c++) {
    const panel = weights.offset + Math.floor(c / PANEL) * products * inChannels * PANEL;
    const sums = new Float64Array(products);
    for (let f = 0; f < products; f++) {
      const row = panel + f * inChannels * PANEL + (c % PANEL);
      for (let k = 0; k < inChannels; k++)
        sums[f]! += transformed[k]![f]! * weights.data[row + k * PANEL]!;
    }
    store(job, tile, c, transform(job.matrices.output, sums));
  }
}

/** The inputs of one channel that a tile reads; zeros outside x. */
function readWindow({command, machine, x, inputs}: Winograd, tile: Tile, channel: number) {
  const window = new Float64Array(inputs * inputs);
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < inputs; j++) {
      const iy = tile.row - command.padTop + command.dilationY * i;
      const ix = tile.column - command.padLeft + command.dilationX * j;
      if (!isInside(x, iy, ix)) continue;
      const at = pixelOffset(x, tile.n, iy, ix) + channel * x.strides[3]!;
      machine.counter.read(x.slot, at, 1);
      window[i * inputs + j] = x.data[at]!;
    }
  }
  return window;
}

/** matrix · square · matrixᵀ, row-major. */
function transform(matrix: WinogradMatrices['input'], square: Float64Array): Float64Array {
  const size = matrix[0]!.length;
  const result = new Float64Array(matrix.length ** 2);
  matrix.forEach((left, i) => {
    matrix.forEach((right, j) => {
      let sum = 0;
      for (let a = 0; a < size; a++) {
        for (let b = 0; b < size; b++) sum += left[a]! * right[b]! * square[a * size + b]!;
      }
      result[i * matrix.length + j] = sum;
    });
  });
  return result;
}

/** Epilogue and store of the outputs of a tile that lie inside y. */
function store(job: Winograd, tile: Tile, c: number, outputs: Float64Array): void {
  const {command, machine, y, epilogue} = job;
  for (const [at, output] of outputs.entries()) {
    const oy = tile.row + command.dilationY * Math.floor(at / job.tile);
    const ox = tile.column + command.dilationX * (at % job.tile);
    if (!isInside(y, oy, ox)) continue;
    let value = output + elementOf(epilogue.bias, c);
    if (epilogue.residual !== null) {
      const from =
        pixelOffset(epilogue.residual, tile.n, oy, ox) + c * epilogue.residual.strides[3]!;
      machine.counter.read(epilogue.residual.slot, from, 1);
      value += epilogue.residual.data[from]!;
    }
    const to = pixelOffset(y, tile.n, oy, ox) + c * y.strides[3]!;
    machine.counter.write(y.slot, to, 1);
    y.data[to] = epilogue.activate(value, c);
  }
}
