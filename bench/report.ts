// Turns the peer harness's JSON lines into docs/benchmarks.md: our time beside onnxruntime's, row by row.
//
//   node dist/bench/report.js results.jsonl [more.jsonl …] > docs/benchmarks.md
//
// A cell is the lowest median over the files given (repeated passes), as the harness recommends.

import {readFileSync} from 'node:fs';
import os from 'node:os';

interface Cell {
  readonly median?: number;
  readonly match?: boolean;
}

interface Row {
  readonly id: string;
  readonly threads: number;
  readonly peers: Readonly<Record<string, Cell>>;
}

interface Pair {
  readonly id: string;
  readonly threads: number;
  readonly ours: number;
  readonly peer: number;
}

const OURS = 'ours';
const PEER = 'ort';
/** No row should be slower than this, as a ratio to the peer. */
const LIMIT = 1.2;

/** Reads every row of every file; later files lower the medians of earlier ones. */
function readPairs(paths: readonly string[]): Pair[] {
  const best = new Map<string, Pair>();
  for (const path of paths) {
    for (const line of readFileSync(path, 'utf8').split('\n').filter(Boolean)) {
      const row = JSON.parse(line) as Row;
      const ours = row.peers[OURS];
      const peer = row.peers[PEER];
      if (ours?.median === undefined || peer?.median === undefined || ours.match === false) {
        throw new Error(
          `${row.id} at ${row.threads} threads: no matching result of both contenders`,
        );
      }
      const key = `${row.id} ${row.threads}`;
      const seen = best.get(key);
      best.set(key, {
        id: row.id,
        threads: row.threads,
        ours: Math.min(ours.median, seen?.ours ?? Number.POSITIVE_INFINITY),
        peer: Math.min(peer.median, seen?.peer ?? Number.POSITIVE_INFINITY),
      });
    }
  }
  return [...best.values()];
}

const ratio = (pair: Pair): number => pair.ours / pair.peer;
const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

function summary(pairs: readonly Pair[]): string[] {
  const groups = [...new Set(pairs.map(pair => pair.threads))].map(threads => ({
    name: `${threads} thread${threads > 1 ? 's' : ''}`,
    pairs: pairs.filter(pair => pair.threads === threads),
  }));
  groups.push({name: 'all', pairs: [...pairs]});
  return groups.map(group => {
    const ratios = group.pairs.map(ratio);
    const worst = group.pairs.reduce((a, b) => (ratio(a) > ratio(b) ? a : b));
    return `| ${group.name} | ${ratios.length} | **${geometricMean(ratios).toFixed(2)}** | ${Math.min(...ratios).toFixed(2)} | ${ratio(worst).toFixed(2)} (${worst.id}) |`;
  });
}

/** The rows that are slower than LIMIT times the peer, so that nobody has to look for them. */
function slowRows(pairs: readonly Pair[]): string {
  const slow = pairs.filter(pair => ratio(pair) > LIMIT).sort((a, b) => ratio(b) - ratio(a));
  const list = slow.map(pair => `${pair.id} ${pair.threads}T ${ratio(pair).toFixed(2)}`).join(', ');
  return `Rows over ${LIMIT}: ${slow.length === 0 ? 'none' : `${slow.length} of ${pairs.length} (${list})`}.`;
}

function table(pairs: readonly Pair[]): string[] {
  const ids = [...new Set(pairs.map(pair => pair.id))];
  const cell = (id: string, threads: number): string => {
    const pair = pairs.find(candidate => candidate.id === id && candidate.threads === threads);
    return pair
      ? `${pair.ours.toPrecision(3)} | ${pair.peer.toPrecision(3)} | ${ratio(pair).toFixed(2)}`
      : '– | – | –';
  };
  return ids.map(id => `| ${id} | ${cell(id, 1)} | ${cell(id, 2)} |`);
}

function main(): void {
  const pairs = readPairs(process.argv.slice(2));
  console.log(`# Benchmarks

Our time divided by onnxruntime-node's in the same interleaved run (below 1 is faster), one process per contender, median over all
rounds of a pass, outputs compared. Both take and give NCHW and include the JavaScript call. Machine: ${os.cpus()[0]?.model.trim()}, ${os.cpus().length} cores, Node ${process.versions.node}.
Times are in milliseconds and belong to this machine; only ratios travel. A cell is the lowest median of the passes given: here two
full passes over the layers (four rounds each) and two over the nets (three rounds each), all of one build, no row measured again on its own.
The machine is shared: single rows move by 20 % and more from pass to pass.

| | rows | geometric mean | best | worst |
|---|---|---|---|---|
${summary(pairs).join('\n')}

${slowRows(pairs)}

| layer or net | ours 1T | ort 1T | ratio | ours 2T | ort 2T | ratio |
|---|---|---|---|---|---|---|
${table(pairs).join('\n')}

Layers are named in the peer harness's \`layers.json\`: transposed convolutions of DCGAN, pix2pix, EB-GAN, FCN, CycleGAN, U-Net; dilated
ones of DeepLab, DRN, ENet; then whole generators. This page is written by \`node dist/bench/report.js RESULTS.jsonl\`.`);
}

main();
