// Operators whose opset 6 form differs from opset 7.

import test from 'ava';
import {errorOf, type OneNode, runOne} from './build-one.js';

const codeOf = (spec: OneNode) => errorOf(spec)?.code;

const CONSTANT = {dims: [3], data: [100, 200, 300]};

test('broadcast and axis place the second operand', t => {
  const add = {op: 'Add', x: [2, 3, 2], constants: [CONSTANT], opset: 6};
  t.deepEqual(
    runOne({...add, attrs: {broadcast: 1, axis: 1}}).data,
    [100, 101, 202, 203, 304, 305, 106, 107, 208, 209, 310, 311],
  );
  t.deepEqual(
    runOne({...add, attrs: {broadcast: 1, axis: -2}}).data,
    runOne({...add, attrs: {broadcast: 1, axis: 1}}).data,
  );
  t.deepEqual(
    runOne({...add, x: [2, 3], attrs: {broadcast: 1}}).data,
    [100, 201, 302, 103, 204, 305],
  );
  t.is(codeOf({...add, attrs: {broadcast: 1, axis: 3}}), 'ERR_MODEL_INVALID');
  t.is(codeOf({...add, attrs: {broadcast: 1, axis: 1}, opset: 7}), 'ERR_OP_UNSUPPORTED');
});

test('comparisons broadcast by attribute too', t => {
  const constants = [
    {dims: [2, 3], data: [1, 2, 3, 1, 2, 3]},
    {dims: [2], data: [1.5, 2.5]},
  ];
  const {data} = runOne({
    op: 'Greater',
    constants,
    attrs: {broadcast: 1, axis: 0},
    opset: 6,
  });
  t.deepEqual(data, [0, 1, 1, 0, 0, 1]);
});

test('slopes of a PRelu are one per channel', t => {
  const slopes = {dims: [2], data: [10, 100]};
  const values = [-1, -2, -3, -4];
  t.deepEqual(
    runOne({op: 'PRelu', x: [1, 2, 2], constants: [slopes], opset: 6}, values).data,
    [-10, -20, -300, -400],
  );
  t.deepEqual(
    runOne({op: 'PRelu', x: [1, 2, 2], constants: [slopes], opset: 7}, values).data,
    [-10, -200, -30, -400],
  );
});

test('Gemm ignores its broadcast attribute', t => {
  const matrix = {dims: [2, 1], data: [1, 10]};
  const bias = {dims: [1], data: [100]};
  t.deepEqual(
    runOne({
      op: 'Gemm',
      x: [2, 2],
      constants: [matrix, bias],
      attrs: {broadcast: 1},
      opset: 6,
    }).data,
    [110, 132],
  );
});

test('what would train is refused', t => {
  const dropout = {op: 'Dropout', x: [2], opset: 6};
  t.is(codeOf(dropout), 'ERR_OP_UNSUPPORTED');
  t.deepEqual(runOne({...dropout, attrs: {is_test: 1}}).data, [0, 1]);
  const ones = {dims: [1], data: [1]};
  const norm = {op: 'BatchNormalization', x: [1, 1, 2], opset: 6};
  const constants = [ones, ones, ones, ones];
  t.is(codeOf({...norm, constants}), 'ERR_OP_UNSUPPORTED');
  t.notThrows(() => runOne({...norm, constants, attrs: {is_test: 1}}));
});
