// Operators that pick, join and repeat values.

import type {Call, RefOps} from './call.js';
import {at, broadcastAt, broadcastDims, fill, type RefTensor, resolveAxis} from './tensor.js';

function concat(call: Call): RefTensor {
  const parts = call.inputs.map((_, index) => call.input(index));
  const first = parts[0]!;
  const axis = resolveAxis(call.int('axis', 1), first.dims.length);
  const total = parts.reduce((sum, {dims}) => sum + dims[axis]!, 0);
  return fill(first.dtype, first.dims.with(axis, total), index => {
    let own = index[axis]!;
    for (const part of parts) {
      if (own < part.dims[axis]!) return at(part, index.with(axis, own));
      own -= part.dims[axis]!;
    }
    throw new Error('beyond the last part');
  });
}

function split(call: Call): RefTensor[] {
  const x = call.input(0);
  const axis = resolveAxis(call.int('axis', 0), x.dims.length);
  const count = call.int('num_outputs', call.node.outputs.length);
  const size = Math.ceil(x.dims[axis]! / count);
  const even = Array.from({length: count}, (_, i) => Math.min(size, x.dims[axis]! - i * size));
  const sizes = call.intsOrInput('split', 1) ?? even;
  let begin = 0;
  return sizes.map(own => {
    const start = begin;
    begin += own;
    return fill(x.dtype, x.dims.with(axis, own), index =>
      at(x, index.with(axis, index[axis]! + start)),
    );
  });
}

/** numpy's slice bounds: negative ones count from the end, all are kept inside. */
function slice(call: Call): RefTensor {
  const x = call.input(0);
  const starts = call.intsOrInput('starts', 1)!;
  const ends = call.intsOrInput('ends', 2)!;
  const axes = call.intsOrInput('axes', 3) ?? starts.map((_, axis) => axis);
  const steps = call.optional(4)?.data ?? starts.map(() => 1);
  const from = x.dims.map(() => 0);
  const by = x.dims.map(() => 1);
  const dims = [...x.dims];
  for (const [i, named] of axes.entries()) {
    const axis = resolveAxis(named, x.dims.length);
    const [size, step] = [x.dims[axis]!, steps[i]!];
    const inside = (bound: number) =>
      Math.max(step < 0 ? -1 : 0, Math.min(step < 0 ? size - 1 : size, bound));
    const start = inside(starts[i]! < 0 ? starts[i]! + size : starts[i]!);
    const end = inside(ends[i]! < 0 ? ends[i]! + size : ends[i]!);
    from[axis] = start;
    by[axis] = step;
    dims[axis] = Math.max(0, Math.ceil((end - start) / step));
  }
  return fill(x.dtype, dims, index =>
    at(
      x,
      index.map((i, axis) => from[axis]! + i * by[axis]!),
    ),
  );
}

const wrapped = (index: number, size: number) => (index < 0 ? index + size : index);

function gather(call: Call): RefTensor {
  const [x, indices] = [call.input(0), call.input(1)];
  const axis = resolveAxis(call.int('axis', 0), x.dims.length);
  const rank = indices.dims.length;
  const dims = [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)];
  return fill(x.dtype, dims, index => {
    const picked = at(indices, index.slice(axis, axis + rank));
    return at(x, [
      ...index.slice(0, axis),
      wrapped(picked, x.dims[axis]!),
      ...index.slice(axis + rank),
    ]);
  });
}

function gatherElements(call: Call): RefTensor {
  const [x, indices] = [call.input(0), call.input(1)];
  const axis = resolveAxis(call.int('axis', 0), x.dims.length);
  return fill(x.dtype, indices.dims, (index, place) =>
    at(x, index.with(axis, wrapped(indices.data[place]!, x.dims[axis]!))),
  );
}

function gatherNd(call: Call): RefTensor {
  const [x, indices] = [call.input(0), call.input(1)];
  const batch = call.int('batch_dims', 0);
  const depth = indices.dims.at(-1)!;
  const outer = indices.dims.slice(0, -1);
  return fill(x.dtype, [...outer, ...x.dims.slice(batch + depth)], index => {
    const place = index.slice(0, outer.length);
    const picked = Array.from({length: depth}, (_, i) =>
      wrapped(at(indices, [...place, i]), x.dims[batch + i]!),
    );
    return at(x, [...index.slice(0, batch), ...picked, ...index.slice(outer.length)]);
  });
}

function expand(call: Call): RefTensor {
  const x = call.input(0);
  const dims = broadcastDims(x.dims, Array.from(call.input(1).data));
  return fill(x.dtype, dims, index => broadcastAt(x, index));
}

function tile(call: Call): RefTensor {
  const x = call.input(0);
  const repeats = call.input(1).data;
  const dims = x.dims.map((size, axis) => size * repeats[axis]!);
  return fill(x.dtype, dims, index =>
    at(
      x,
      index.map((i, axis) => i % x.dims[axis]!),
    ),
  );
}

function oneHot(call: Call): RefTensor {
  const [indices, depthInput, values] = [call.input(0), call.input(1), call.input(2)];
  const depth = depthInput.data[0]!;
  const axis = resolveAxis(call.int('axis', -1), indices.dims.length + 1);
  return fill(values.dtype, indices.dims.toSpliced(axis, 0, depth), index => {
    const hot = wrapped(at(indices, index.toSpliced(axis, 1)), depth);
    return values.data[hot === index[axis] ? 1 : 0]!;
  });
}

/** Where an index of the padded axis reads; null where the pad is a constant. */
function padSource(index: number, size: number, mode: string): number | null {
  if (mode === 'edge') return Math.max(0, Math.min(size - 1, index));
  if (mode === 'wrap') return ((index % size) + size) % size;
  if (mode !== 'reflect') return index >= 0 && index < size ? index : null;
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const folded = ((index % period) + period) % period;
  return folded < size ? folded : period - folded;
}

function pad(call: Call): RefTensor {
  const x = call.input(0);
  const rank = x.dims.length;
  const pads = call.intsOrInput('pads', 1)!;
  const value = call.optional(2)?.data[0] ?? call.float('value', 0);
  const axes = call.optional(3)?.data ?? x.dims.map((_, axis) => axis);
  const mode = call.string('mode', 'constant');
  const begin = x.dims.map(() => 0);
  const dims = [...x.dims];
  for (const [i, named] of Array.from(axes).entries()) {
    const axis = resolveAxis(named, rank);
    begin[axis] = pads[i]!;
    dims[axis] = x.dims[axis]! + pads[i]! + pads[i + axes.length]!;
  }
  return fill(x.dtype, dims, index => {
    const source = index.map((i, axis) => padSource(i - begin[axis]!, x.dims[axis]!, mode));
    return source.includes(null) ? value : at(x, source as number[]);
  });
}

export const MOVE_OPS: RefOps = {
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Expand: expand,
  Tile: tile,
  OneHot: oneHot,
  Pad: pad,
};
