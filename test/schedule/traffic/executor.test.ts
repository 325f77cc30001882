// The traffic model cuts the work as the executor does: its constants are those of the C++.

import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {EXECUTOR, REGISTER_TILES} from '../../../src/schedule/traffic/executor.js';

const FOLDERS = ['native/cpu', 'native/cpu/kernels', 'native/program'];
const SOURCES = FOLDERS.flatMap(folder =>
  readdirSync(folder)
    .filter(name => /\.(cc|h)$/.test(name))
    .map(name => readFileSync(path.join(folder, name), 'utf8')),
).join('\n');

/** The value of `constexpr size_t kName = value;`, products and other constants resolved. */
function constant(name: string): number {
  const match = new RegExp(`constexpr (?:size_t|uint32_t) ${name}\\s*=\\s*([\\w\\s*]+);`).exec(
    SOURCES,
  );
  if (match === null) return Number.NaN;
  return match[1]!
    .split('*')
    .map(factor => factor.trim())
    .reduce(
      (product, factor) => product * (/^\d+$/.test(factor) ? Number(factor) : constant(factor)),
      1,
    );
}

const NAMES: Readonly<Record<keyof typeof EXECUTOR, string>> = {
  blockInputs: 'kBlockInputs',
  minBlockPixels: 'kMinBlockPixels',
  itemsPerThread: 'kItemsPerThread',
  minItemMacs: 'kMinItemMacs',
  maxBlockPixels: 'kMaxBlockPixels',
  maxRowPointers: 'kMaxRowPointers',
  maxSlice: 'kMaxSlice',
  chunkFloats: 'kChunkFloats',
  minRun: 'kMinRun',
  maxChunkEntries: 'kMaxChunkEntries',
  windowFloats: 'kWindowFloats',
  wideWindowFloats: 'kWideWindowFloats',
  sliceStep: 'kSliceStep',
  planarPackFloats: 'kPlanarPackFloats',
  planarSumFloats: 'kPlanarSumFloats',
  winogradSlice: 'kSlice',
  winogradBlockFloats: 'kBlockFloats',
  winogradFewestTiles: 'kFewestTiles',
  winogradGap: 'kWinogradGap',
  streamedFloats: 'kStreamedFloats',
  matmulRows: 'kRows',
  matmulDepth: 'kDepth',
};

for (const [field, name] of Object.entries(NAMES)) {
  test(`${field} is the executor's ${name}`, t => {
    const value: number = EXECUTOR[field as keyof typeof EXECUTOR];
    t.is(value, constant(name));
  });
}

test('register tiles are those of kernels.def', t => {
  const table = readFileSync('native/cpu/kernels/kernels.def', 'utf8');
  const rows = [...table.matchAll(/^ISA\((\w+), (\d+), (\d+), (\d+)\)/gm)];
  t.deepEqual(
    Object.fromEntries(
      rows.map(([, isa, mr, runRows, panels]) => [isa, [mr, runRows, panels].map(Number)]),
    ),
    Object.fromEntries(
      Object.entries(REGISTER_TILES).map(([isa, {rows: mr, runRows, panels}]) => [
        isa,
        [mr, runRows, panels],
      ]),
    ),
  );
});
