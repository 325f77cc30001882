import test from 'ava';
import {
  detectRange,
  parseRange,
  pictureLayout,
  pictureToTensor,
  tensorToPicture,
} from '../../src/cli/pictures.js';
import {decodePng, encodePng, type Picture, pngSize} from '../../src/cli/png.js';

const RGB: Picture = {
  width: 2,
  height: 1,
  channels: 3,
  data: Uint8Array.of(255, 0, 51, 0, 102, 255),
};

test('pictures survive PNG', t => {
  const file = encodePng(RGB);
  t.deepEqual(pngSize(file, 'a.png'), {width: 2, height: 1});
  t.deepEqual(decodePng(file, 'a.png', 3), RGB);
  const grey: Picture = {width: 2, height: 2, channels: 1, data: Uint8Array.of(0, 1, 254, 255)};
  t.deepEqual(decodePng(encodePng(grey), 'a.png', 1), grey);
  t.deepEqual([...decodePng(encodePng(grey), 'a.png', 3).data.subarray(0, 6)], [0, 0, 0, 1, 1, 1]);
});

test('a damaged, huge or foreign PNG is refused before it is decoded', t => {
  const file = encodePng(RGB);
  const refused = (bytes: Uint8Array, message: RegExp) =>
    t.throws(() => decodePng(bytes, 'a.png', 3), {code: 'ERR_FILE_FORMAT', message});
  refused(new Uint8Array(100), /something else/);
  refused(file.subarray(0, 20), /something else/);
  refused(file.subarray(0, file.length - 20), /a PNG picture but found/);
  const huge = Uint8Array.from(file);
  huge.set([0, 1, 0, 0, 0, 1, 0, 0], 16);
  refused(huge, /65536x65536 pixels/);
  const flipped = Uint8Array.from(file);
  flipped[30] = flipped[30]! ^ 1;
  refused(flipped, /a PNG picture but found/);
});

test('channels decide how a shape is read', t => {
  t.like(pictureLayout([2, 3, 8, 9]), {
    count: 2,
    channels: 3,
    height: 8,
    width: 9,
    channelsLast: false,
  });
  t.like(pictureLayout([1, 144, 256, 3]), {
    channels: 3,
    height: 144,
    width: 256,
    channelsLast: true,
  });
  t.like(pictureLayout([3, 28, 28, 1]), {count: 3, channels: 1, channelsLast: true});
  t.like(pictureLayout([1, 8, 9]), {count: 1, channels: 1, height: 8, width: 9});
  t.like(pictureLayout([8, 9]), {count: 1, channels: 1, height: 8, width: 9});
  t.is(pictureLayout([1, 12, 8, 8]), null);
  t.is(pictureLayout([1, 1, 3, 8, 8]), null);
  t.is(pictureLayout([4]), null);
});

test('a picture goes into a tensor and back, in either layout and range', t => {
  const tall: Picture = {
    width: 2,
    height: 4,
    channels: 3,
    data: Uint8Array.from({length: 24}, (_, i) => 11 * i),
  };
  for (const [shape, channelsLast] of [
    [[1, 3, 4, 2], false],
    [[1, 4, 2, 3], true],
  ] as const) {
    for (const range of [
      {low: 0, high: 1},
      {low: -1, high: 1},
      {low: 0, high: 255},
    ]) {
      t.deepEqual(tensorToPicture(pictureToTensor(tall, shape, channelsLast, range), range), tall);
    }
  }
  t.deepEqual(
    [...pictureToTensor(RGB, [1, 3, 1, 2], false, {low: 0, high: 255}).data],
    [255, 0, 0, 102, 51, 255],
  );
});

test('values outside the range are clipped', t => {
  const picture = tensorToPicture(
    {shape: [1, 3], data: Float32Array.of(-5, 0.5, 7)},
    {low: 0, high: 1},
  );
  t.deepEqual([...picture.data], [0, 128, 255]);
});

test('several pictures become a sheet', t => {
  const sheet = tensorToPicture(
    {shape: [3, 1, 2, 2], data: new Float32Array(12).fill(1)},
    {low: 0, high: 1},
  );
  t.is(sheet.width, 10);
  t.is(sheet.height, 10);
  t.is(sheet.data.filter(value => value === 255).length, 12);
  t.is(sheet.data[2 * 10 + 2], 255);
  t.is(sheet.data[2 * 10 + 4], 32);
  t.is(
    tensorToPicture({shape: [3, 1, 2, 2], data: new Float32Array(12)}, {low: 0, high: 1}, 3).height,
    6,
  );
  t.throws(
    () => tensorToPicture({shape: [1, 12, 2, 2], data: new Float32Array(48)}, {low: 0, high: 1}),
    {code: 'ERR_OPTION'},
  );
});

test('the range of a picture is guessed from its values', t => {
  t.deepEqual(detectRange(Float32Array.of(-0.99, 0.8)), {low: -1, high: 1});
  t.deepEqual(detectRange(Float32Array.of(-0.05, 1.04)), {low: 0, high: 1});
  t.deepEqual(detectRange(Float32Array.of(-32, 271)), {low: 0, high: 255});
});

test('ranges are two numbers in order', t => {
  t.deepEqual(parseRange('--range', '-1,1'), {low: -1, high: 1});
  t.deepEqual(parseRange('--range', '0..255'), {low: 0, high: 255});
  for (const text of ['', '1', '1,0', '0,0', 'a,b', '0,NaN', '0,1,2', ',1'])
    t.throws(() => parseRange('--range', text), {code: 'ERR_OPTION'}, text);
});
