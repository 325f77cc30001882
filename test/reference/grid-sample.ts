// The definition of GridSample over two or three axes as loops, after the text of the ONNX operator.

/** x [N, C, ...input], grid [N, ...output, axes]. */
export interface GridSampleDefinition {
  readonly batch: number;
  readonly channels: number;
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly padding: 'zeros' | 'border' | 'reflection';
  readonly alignCorners: boolean;
}

export function gridSampleReference(
  sample: GridSampleDefinition,
  x: ArrayLike<number>,
  grid: ArrayLike<number>,
): number[] {
  const {batch, channels, input, output} = sample;
  const [pixels, positions] = [product(input), product(output)];
  const y: number[] = [];
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const map = (at: number) => x[(n * channels + c) * pixels + at]!;
      for (let p = 0; p < positions; p++) {
        // The grid holds x first; the axes of the map end with it.
        const position = input.map((_, d) => grid[(n * positions + p + 1) * input.length - 1 - d]!);
        y.push(interpolate(sample, map, position));
      }
    }
  }
  return y;
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

/** One axis after the other, from the last: interpolation along it for each index of the axes before. */
function interpolate(
  sample: GridSampleDefinition,
  map: (at: number) => number,
  position: readonly number[],
): number {
  const {input} = sample;
  const along = (axis: number, at: number): number => {
    if (axis === input.length) return map(at);
    const size = input[axis]!;
    let sum = 0;
    for (const [index, weight] of neighbours(sample, position[axis]!, size)) {
      const inside = outsideIndex(sample, index, size);
      if (inside !== null && weight !== 0) sum += weight * along(axis + 1, at * size + inside);
    }
    return sum;
  };
  return along(0, 0);
}

function neighbours(
  {mode, padding, alignCorners}: GridSampleDefinition,
  coordinate: number,
  size: number,
): [number, number][] {
  let at = alignCorners ? ((coordinate + 1) / 2) * (size - 1) : ((coordinate + 1) * size - 1) / 2;
  if (mode === 'nearest') at = Math.abs(at % 1) === 0.5 ? 2 * Math.round(at / 2) : Math.round(at);
  const [low, high] = alignCorners ? [0, size - 1] : [-0.5, size - 0.5];
  if (padding === 'border' && (at < low || at > high)) at = Math.min(Math.max(at, 0), size - 1);
  if (padding === 'reflection') at = mirror(at, low, high);
  if (mode === 'nearest') return [[at, 1]];
  const floor = Math.floor(at);
  if (mode === 'linear') return [0, 1].map(i => [floor + i, 1 - Math.abs(at - floor - i)]);
  return [-1, 0, 1, 2].map(i => [floor + i, keys(Math.abs(at - floor - i))]);
}

/** Keys' kernel with a = -0.75. */
function keys(d: number): number {
  if (d <= 1) return 1.25 * d ** 3 - 2.25 * d ** 2 + 1;
  return -0.75 * d ** 3 + 3.75 * d ** 2 - 6 * d + 3;
}

function outsideIndex(
  {padding, alignCorners}: GridSampleDefinition,
  index: number,
  size: number,
): number | null {
  if (index >= 0 && index < size) return index;
  if (padding === 'zeros') return null;
  if (padding === 'border') return index < 0 ? 0 : size - 1;
  const [low, high] = alignCorners ? [0, size - 1] : [-0.5, size - 0.5];
  return Math.min(Math.max(Math.trunc(mirror(index, low, high)), 0), size - 1);
}

/** Step by step, as light between two mirrors. */
function mirror(at: number, low: number, high: number): number {
  if (low === high) return low;
  let inside = at;
  while (inside < low || inside > high) {
    inside = inside < low ? 2 * low - inside : 2 * high - inside;
  }
  return inside;
}
