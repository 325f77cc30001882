// Fusing: the graph as the scheduler wants it, with as few passes over memory as its operations allow.
//
// A sequence of small passes, each graph in, graph out, each sound on its own: results change by rounding
// only. What is specific comes first; chains take what is left.

import {flattenVolumes} from './flatten-volume.js';
import {foldAffineAfter, foldAffineBefore} from './fuse-affine.js';
import {fuseChains, fuseGates} from './fuse-chains.js';
import {fuseEpilogue} from './fuse-epilogue.js';
import {fuseGemmReshape} from './fuse-gemm.js';
import {hoistSteps} from './fuse-hoist.js';
import {composeRearranging, removeDead, removeNoops} from './fuse-noops.js';
import {fuseNormalization} from './fuse-normalization.js';
import {foldPad} from './fuse-pad.js';
import {foldScalars} from './fuse-scalars.js';
import {sinkTransposes} from './fuse-transposes.js';
import {fuseUpsample} from './fuse-upsample.js';
import type {Graph} from './graph.js';

const PASSES: readonly ((graph: Graph) => Graph)[] = [
  removeDead,
  composeRearranging,
  removeNoops,
  sinkTransposes,
  removeNoops,
  foldScalars,
  fuseNormalization,
  removeDead,
  foldPad,
  fuseUpsample,
  hoistSteps,
  foldAffineAfter,
  fuseEpilogue,
  // A gemm that became a convolution may take in what follows its reshape.
  fuseGemmReshape,
  foldAffineAfter,
  fuseEpilogue,
  // A gate uses its input twice, so only its name lets an epilogue take it.
  fuseGates,
  fuseEpilogue,
  foldAffineBefore,
  fuseChains,
  flattenVolumes,
  composeRearranging,
  removeNoops,
  removeDead,
];

/** Rewrites `graph` into one that computes the same with fewer operations. */
export function fuseGraph(graph: Graph, checkTime: () => void = () => {}): Graph {
  return PASSES.reduce((current, pass) => {
    checkTime();
    return pass(current);
  }, graph);
}
