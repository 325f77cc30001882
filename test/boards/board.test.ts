// Board profiles: the shipped ones, what is refused, and the one this machine makes of itself.

import {mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {type Board, peakOf} from '../../src/boards/board.js';
import {encodeBoard, parseBoard} from '../../src/boards/board-text.js';
import {parseCacheSize} from '../../src/cli/calibrate.js';
import {UntangleError} from '../../src/errors.js';
import {boardNames, readBoard} from '../../src/runtime/board-file.js';
import {untangle} from '../helpers/command-line.js';

const NAMES = [
  'jetson-nano',
  'jetson-orin-nano',
  'jetson-orin-nx',
  'jetson-tx2',
  'jetson-xavier-nx',
];

test('the shipped profiles are read and say that nobody measured them', async t => {
  t.deepEqual(boardNames(), NAMES);
  for (const name of NAMES) {
    const board = await readBoard(name);
    t.is(board.name, name);
    t.is(board.source, 'datasheet, not measured');
    t.true(board.gpu !== null && board.notes.length > 0);
    t.is(board.peaks.at(-1)?.threads, board.cores);
  }
});

test('the peak of a thread count is that of the next fewer that was measured', async t => {
  const board = await readBoard('jetson-orin-nx');
  t.deepEqual(
    [1, 2, 8, 64].map(threads => peakOf(board, threads).threads),
    [1, 1, 8, 8],
  );
});

const encoder = new TextEncoder();

test('what is no profile is refused with the field, what is expected and what came', async t => {
  const board = await readBoard('jetson-nano');
  const broken: readonly (readonly [string | object, string])[] = [
    ['', 'b.json: expected a board profile but found what is not JSON'],
    ['[1]', 'b.json: expected a board profile but found [1]'],
    [{...board, cores: '4'}, 'expected "cores" to be an integer from 1 to 4096 but found "4"'],
    [
      {...board, speed: 1},
      'expected the fields of docs/board-profile.md but found the field "speed"',
    ],
    [
      {...board, source: 'guessed'},
      'expected "source" to be "measured" or "datasheet, not measured"',
    ],
    [
      {...board, caches: board.caches.toReversed()},
      'expected "caches" to be caches of levels 1, 2, 3',
    ],
    [{...board, peaks: []}, 'expected "peaks" to be entries of ascending thread counts'],
    [
      {...board, peaks: [{threads: 1, gflops: -1, gbs: {memory: 1}}]},
      'expected "peaks.0.gflops" to be a positive number but found -1',
    ],
    [
      {...board, gpu: {...board.gpu, compute: '8'}},
      'expected "gpu.compute" to be text such as "8.7"',
    ],
  ];
  for (const [value, message] of broken) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const error = t.throws(() => parseBoard(encoder.encode(text), 'b.json'), {
      instanceOf: UntangleError,
      code: 'ERR_FILE_FORMAT',
    });
    t.true(error.message.includes(message), error.message);
  }
  const {cores: _, ...incomplete} = board;
  t.throws(() => parseBoard(encoder.encode(JSON.stringify(incomplete)), 'b.json'), {
    message: /expected the field "cores" but found none/,
  });
  t.throws(() => parseBoard(new Uint8Array(2 ** 20 + 1), 'b.json'), {message: /at most 1048576/});
  t.deepEqual(parseBoard(encodeBoard(board), 'b.json'), board);
});

test('names that are no board and files that are none are told apart', async t => {
  await t.throwsAsync(readBoard('jetson-nono'), {
    code: 'ERR_OPTION',
    message: /a file or one of jetson-nano, .* but received "jetson-nono"/,
  });
  await t.throwsAsync(readBoard('./absent.json'), {code: 'ERR_FILE_NOT_FOUND'});
});

test('sizes of caches as Linux writes them', t => {
  t.deepEqual(['32K', '8M', '512', '', 'huge'].map(parseCacheSize), [32768, 2 ** 23, 512, 0, 0]);
});

test('doctor --calibrate writes a profile that --board takes', async t => {
  const folder = mkdtempSync(path.join(tmpdir(), 'untangle-board-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const made = await untangle(folder, 'doctor', '--calibrate', '-o', 'here.json');
  t.is(made.code, 0, made.stderr);
  t.deepEqual(readdirSync(folder), ['here.json']);
  const board = await readBoard(path.join(folder, 'here.json'));
  t.is(board.name, 'here');
  t.is(board.source, 'measured');
  t.is(board.peaks.at(-1)?.threads, board.cores);
  for (const {gflops, gbs, phaseNs} of board.peaks) {
    t.true(gflops > 0 && gbs.memory > 0 && phaseNs! > 0);
  }
  // Neither option without the other; nothing half-written.
  t.is((await untangle(folder, 'doctor', '--calibrate')).code, 1);
  t.is((await untangle(folder, 'doctor', '-o', 'x.json')).code, 1);
  t.regex(
    (await untangle(folder, 'doctor', '--calibrate', '-o', 'no/x.json')).stderr,
    /ERR_FILE_WRITE/,
  );
  t.deepEqual(readdirSync(folder), ['here.json']);
});

test('a profile with a mistake ends a command with one sentence', async t => {
  const folder = mkdtempSync(path.join(tmpdir(), 'untangle-board-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const model = path.resolve('models/vae-letters.onnx');
  writeFileSync(path.join(folder, 'bad.json'), '{"name": 1}');
  const bad = await untangle(folder, 'explain', model, '--board', 'bad.json');
  t.regex(
    bad.stderr,
    /error: bad\.json: expected "name" to be text but found 1 \(ERR_FILE_FORMAT\)/,
  );
  const absent = await untangle(folder, 'explain', model, '--board', 'nano');
  t.regex(absent.stderr, /option board: expected a file or one of jetson-nano, .*\(ERR_OPTION\)/);
});

test('docs/board-profile.md names every field and every shipped board', async t => {
  const page = readFileSync('docs/board-profile.md', 'utf8');
  const fields = (value: object): string[] =>
    Object.entries(value).flatMap(([key, inner]: [string, unknown]) => [
      ...(Array.isArray(value) ? [] : [key]),
      ...(typeof inner === 'object' && inner !== null ? fields(inner) : []),
    ]);
  for (const name of NAMES) {
    t.true(page.includes(`\`${name}\``), name);
    const board: Board = await readBoard(name);
    for (const field of fields(board)) t.true(page.includes(`\`${field}\``), field);
  }
});
