// Everyone who can take part, by name.

import type {Contender} from './contender.js';
import {onednn} from './onednn.js';
import {onnxruntime} from './onnxruntime.js';
import {methods, ours, schedules} from './ours.js';
import {pytorch} from './pytorch.js';
import {xnnpack} from './xnnpack.js';

const peers: readonly Contender[] = [onnxruntime, pytorch, onednn, xnnpack];

export const CONTENDERS: readonly Contender[] = [ours, ...peers, ...schedules, ...methods];

/** Names that stand for several. */
export const GROUPS: Readonly<Record<string, readonly Contender[]>> = {
  peers,
  schedules,
  methods,
};

/** Who takes part when nobody is named. */
export const DEFAULT_CONTENDERS: readonly Contender[] = [ours, ...peers];

/** The contender or the group called `name`. */
export function findContenders(name: string): readonly Contender[] | undefined {
  const one = CONTENDERS.find(contender => contender.name === name);
  return one === undefined ? GROUPS[name] : [one];
}
