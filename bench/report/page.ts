// docs/benchmarks.md: everything but the numbers is here.

import type {Results} from './collect.js';
import {formatThreads} from './markdown.js';
import {methodsTable} from './methods-table.js';
import {describeSkips} from './skips.js';
import {instructionTable, rowTable, slowRows, summaryTable} from './tables.js';

/** The whole page; `chart` is the path of the picture beside it. */
export function page(results: Results, chart: string): string {
  const sections = [
    introduction(results),
    `![Times of the others as multiples of ours, row by row](${chart})`,
    `## In short

Our time divided by that of the others, geometric means over all rows (below 1 is faster; how many rows both ran in brackets):

${summaryTable(results)}

${slowRows(results)}`,
    ...results.threads.map(
      threads => `## ${formatThreads(threads)}

Milliseconds; GFLOP/s of the MACs that have to be computed (no padding, nothing cropped, no inserted zeros).

${rowTable(results, threads)}`,
    ),
    LIMITS,
    methodsSection(results),
    instructionsSection(results),
    skipsSection(results),
    `## Again

\`\`\`sh
npm run bench -- --out pass1.jsonl             # a pass over everything; see npm run bench -- --help
npm run bench -- --contenders ours,schedules,methods --layers --threads 1 --out methods.jsonl
npm run bench -- --instructions --out instructions.jsonl
npm run bench:report -- pass1.jsonl methods.jsonl instructions.jsonl
\`\`\`

Rows are those of [bench/shapes](../bench/shapes). This page is written by \`npm run bench:report\`; nobody edits its numbers.`,
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

function introduction(results: Results): string {
  const {circumstances, passes, commits, turns, peers, versions} = results;
  const {machine, node} = circumstances;
  const names = peers.map(peer => `${peer} ${versions.get(peer)}`.trim());
  const peaks = machine.peaks.map(
    ({threads, gflops, readGbs}) =>
      `${gflops.toFixed(0)} GFLOP/s and ${readGbs.toFixed(0)} GB/s of reads on ${formatThreads(threads)}`,
  );
  return `# Benchmarks

Layers, whole generators and trained models, ours beside other runtimes: one process per contender, turns interleaved A B C A B C, outputs compared
with ours, warm-up before. A time is the median over all rounds of a pass, and a cell the lowest median of the passes given: here
${passes} result file${passes > 1 ? 's' : ''} of commit ${commits.join(', ')}. No row is measured again on its own. A turn whose threads waited for a core is
repeated; ${turns.dirty} of ${turns.all} turns stayed disturbed. The machine is shared: single rows move by 20 % and more from pass to pass. Times belong to this machine; only ratios travel.

Machine: ${machine.processor}, ${machine.cores} cores, ${machine.isa}, Node ${node.replace(/^v/, '')}; measured by our own micro-kernels (\`untangle doctor\`): ${peaks.join(', ')}.

Peers: ${names.join(', ') || 'none'}. Ours, onnxruntime-node and PyTorch take and give NCHW, ours and onnxruntime through JavaScript. oneDNN and XNNPACK run single layers as if inside a
larger graph: in a layout of their own, without reordering and without JavaScript, which favours them.`;
}

const LIMITS = `"Of the limit": the time that the row would take at the measured peak ("compute") or that its counted bytes would take at the measured bandwidth
("memory"), divided by the time it took. Compute is the limit when it alone takes more than twice as long as the bytes. More than 100 % is
Winograd's form, which multiplies less, or memory that caches hold.`;

function methodsSection(results: Results): string {
  const tables = results.threads.map(threads => ({threads, table: methodsTable(results, threads)}));
  const first = tables.find(({table}) => table !== null);
  if (first === undefined) return '';
  const {threads, table} = first;
  return `## The methods

Each method's time and counted bytes divided by those of \`auto\` (time / bytes), ${formatThreads(threads)}, all on our own kernels. The schedules are those of the README;
\`zero-insert-im2col\`, \`zero-insert-direct\` and \`gemm-col2im\` are graphs of existing operators that compute the same
([bench/models/methods.ts](../bench/models/methods.ts)), the zeros really multiplied. Of a dilated layer, \`zero-insert-im2col\` is plain im2col, and \`zero-insert-direct\` has the zeros between its weights.

${table}`;
}

function instructionsSection(results: Results): string {
  const [first] = results.instructions;
  if (first === undefined) return '';
  return `## Counted instructions

User-mode instructions of one run on one thread, ${first.isa}, by \`${first.tool}\`: a figure that does not change with what else the machine does.

${instructionTable(results)}`;
}

function skipsSection(results: Results): string {
  const lines = describeSkips(results);
  return lines.length === 0 ? '' : `## Not run\n\n${lines.map(line => `- ${line}`).join('\n')}`;
}
