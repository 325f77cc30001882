// DepthToSpace and SpaceToDepth as reshape, transpose, reshape.

import type {BuildContext, Operand, Registration} from '../registration.js';
import {formatShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {emitTranspose} from './arrange.js';
import {emitReshape} from './reshape.js';

export const SHUFFLES: readonly Registration[] = [
  {
    opType: 'DepthToSpace',
    types: TYPES.any,
    attributes: {
      blocksize: {kind: 'int'},
      mode: {kind: 'string', since: 11, values: ['DCR', 'CRD']},
    },
    build: buildDepthToSpace,
  },
  {
    opType: 'SpaceToDepth',
    types: TYPES.any,
    attributes: {
      blocksize: {kind: 'int'},
      mode: {kind: 'string', since: 28, values: ['DCR', 'CRD']},
    },
    build: buildSpaceToDepth,
  },
];

/** DCR: channel = (dy*b + dx)*C' + c. CRD: channel = (c*b + dy)*b + dx. */
function buildDepthToSpace(context: BuildContext): Operand {
  const {x, batch, channels, height, width, block} = readMap(context);
  const depth = channels / (block * block);
  if (!Number.isInteger(depth)) {
    context.fail(
      `expected channels divisible by ${block * block} but received ${formatShape(x.shape)}`,
    );
  }

  const isDcr = context.string('mode', 'DCR') === 'DCR';
  const split = isDcr
    ? [batch, block, block, depth, height, width]
    : [batch, depth, block, block, height, width];
  const perm = isDcr ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  const moved = emitTranspose(context, emitReshape(context, x, split), perm);
  return emitReshape(context, moved, [batch, depth, height * block, width * block]);
}

function buildSpaceToDepth(context: BuildContext): Operand {
  const {x, batch, channels, height, width, block} = readMap(context);
  if (height % block !== 0 || width % block !== 0) {
    context.fail(
      `expected height and width divisible by ${block} but received ${formatShape(x.shape)}`,
    );
  }

  const isDcr = context.string('mode', 'DCR') === 'DCR';
  const split = [batch, channels, height / block, block, width / block, block];
  const perm = isDcr ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4];
  const moved = emitTranspose(context, emitReshape(context, x, split), perm);
  return emitReshape(context, moved, [
    batch,
    channels * block * block,
    height / block,
    width / block,
  ]);
}

function readMap(context: BuildContext) {
  const x = context.input(0);
  const block = context.int('blocksize', 0);
  if (block < 1) context.fail(`expected a positive blocksize but received ${block}`);
  if (x.shape.length !== 4)
    context.fail(`expected a shape [N, C, H, W] but received ${formatShape(x.shape)}`);
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  return {x, batch, channels, height, width, block};
}
