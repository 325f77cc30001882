import test from 'ava';
import {WorkerProcess} from '../../bench/worker-process.js';

/** Answers as a worker would; "run 13" ends it. */
const SCRIPT = `
require('node:readline').createInterface({input: process.stdin}).on('line', line => {
  const [command, ...words] = line.split(' ');
  if (line === 'run 13') { console.error('out of luck'); process.exit(3); }
  const replies = {load: 'ok ' + words.join(' '), run: 'ms 1.5 2', output: 'error nothing was run'};
  console.log(replies[command]);
});`;

test('fields, times and sentences come through', async t => {
  const worker = new WorkerProcess({command: [process.execPath, '-e', SCRIPT], env: {}});
  t.teardown(() => worker.close());
  t.is(worker.pid, 0);
  const about = await worker.load({model: 'a folder/b=c.onnx', threads: 2});
  t.deepEqual(
    [...about],
    [
      ['model', 'a folder/b=c.onnx'],
      ['threads', '2'],
    ],
  );
  t.true(worker.pid > 0);
  t.deepEqual(await worker.run(2), [1.5, 2]);
  await t.throwsAsync(worker.output(), {message: 'nothing was run'});
});

test('a worker that dies says why, and starts again with the next row', async t => {
  const worker = new WorkerProcess({command: [process.execPath, '-e', SCRIPT], env: {}});
  t.teardown(() => worker.close());
  await worker.load({});
  await t.throwsAsync(worker.run(13), {message: 'the worker ended: out of luck'});
  await t.throwsAsync(worker.run(1), {message: 'the worker ended'});
  await worker.load({});
  t.deepEqual(await worker.run(1), [1.5, 2]);
});

test('a command that is not there is an error of the row', async t => {
  const worker = new WorkerProcess({command: ['/no/such/worker'], env: {}});
  await t.throwsAsync(worker.load({}), {message: /^the worker ended: .*ENOENT/});
  await worker.close();
});
