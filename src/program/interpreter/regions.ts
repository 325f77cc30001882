// Walking a region: which pixels it has, and which outputs each of them writes.

import type {Region, RegionTap} from '../../schedule/steps.js';
import type {Operand} from './machine.js';

/** Calls `visit` for every image and every pixel (qy, qx) of the region. */
export function forEachPixel(
  region: Region,
  batch: number,
  visit: (n: number, qy: number, qx: number) => void,
): void {
  for (let n = 0; n < batch; n++) {
    for (let qy = 0; qy < region.countY; qy++) {
      for (let qx = 0; qx < region.countX; qx++) visit(n, qy, qx);
    }
  }
}

/** Whether pixel (y, x) exists in a map [N, H, W, C]. */
export function isInside(map: Operand, y: number, x: number): boolean {
  return y >= 0 && y < map.shape[1]! && x >= 0 && x < map.shape[2]!;
}

/** An output pixel; `phase` numbers the phases held side by side in the GEMM's columns. */
export interface OutputPixel {
  readonly oy: number;
  readonly ox: number;
  readonly phase: number;
}

/** The output pixels written at (qy, qx), one per fused phase; those outside y are left out. */
export function outputPixels(
  y: Operand,
  region: Region,
  qy: number,
  qx: number,
  fused: readonly [number, number] = [1, 1],
): OutputPixel[] {
  const pixels: OutputPixel[] = [];
  for (let ry = 0; ry < fused[0]; ry++) {
    for (let rx = 0; rx < fused[1]; rx++) {
      const oy = region.outY + qy * region.outStepY + ry;
      const ox = region.outX + qx * region.outStepX + rx;
      if (isInside(y, oy, ox)) pixels.push({oy, ox, phase: ry * fused[1] + rx});
    }
  }
  return pixels;
}

/** Calls `visit` for every image and pixel of a map [N, H, W, C]. */
export function forEachOutputPixel(
  map: Operand,
  visit: (n: number, y: number, x: number) => void,
): void {
  const [batch, height, width] = map.shape as [number, number, number];
  for (let n = 0; n < batch; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) visit(n, y, x);
    }
  }
}

/** Whether `tap` reads inside x at pixel (qy, qx). */
export function tapIsInside(
  region: Region,
  tap: RegionTap,
  x: Operand,
  qy: number,
  qx: number,
): boolean {
  return isInside(
    x,
    region.inY + qy * region.inStepY + tap.dy,
    region.inX + qx * region.inStepX + tap.dx,
  );
}

/** Whether `tap` reads inside x at any pixel. */
export function touchesInput(region: Region, tap: RegionTap, x: Operand): boolean {
  let isTouched = false;
  forEachPixel(region, 1, (_, qy, qx) => {
    isTouched ||= tapIsInside(region, tap, x, qy, qx);
  });
  return isTouched;
}
