// If: the builder puts the chosen branch in its place when the condition is constant; what is left is refused.

import type {Registration} from '../registration.js';
import {TYPES} from '../types.js';

export const CONDITIONAL: readonly Registration[] = [
  {
    opType: 'If',
    types: TYPES.bool,
    limits: 'the condition has to be a constant',
    attributes: {then_branch: {kind: 'graph'}, else_branch: {kind: 'graph'}},
    build: context => context.unsupported('If with a condition computed at run time'),
  },
];
