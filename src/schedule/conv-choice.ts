// How a convolution was scheduled, to schedule its bands alike: the same products, added in the same order.

import {WINOGRAD_PAIR, type WinogradForm, winogradOutputs} from '../untangle/winograd.js';
import type {ScheduleName} from './candidates.js';
import {leastCommonMultiple} from './pixels.js';
import {isConvStep} from './step-views.js';
import {type Buffer, bufferBytes, type ConvStep, type Step} from './steps.js';

export interface ConvChoice {
  readonly schedule: ScheduleName;
  /** The tiles of each kind of phases in Winograd's form, by its taps (see `formKey`); the others are direct. */
  readonly forms: ReadonlyMap<string, WinogradForm>;
  /** Rows of the output that are computed together: a multiple of them begins a tile in every phase. */
  readonly rowAlign: number;
  /** Scratch in the arena for all rows, bytes. */
  readonly scratchBytes: number;
  /** Bytes of the packed weights. */
  readonly weightBytes: number;
  /** Whether outputs are written before all of their taps are summed. */
  readonly isSwept: boolean;
}

export function formKey(taps: WinogradForm['taps']): string {
  return taps.join();
}

/** The choice that the steps of one convolution show; null when there is none among them. */
export function choiceOf(steps: readonly Step[], buffers: readonly Buffer[]): ConvChoice | null {
  const own = steps.filter(isConvStep);
  const [first] = own;
  if (first === undefined) return null;
  const forms = own.flatMap(step => (step.op === 'winograd' ? [step.form] : []));
  const bytes = (buffer: number) => bufferBytes(buffers[buffer]!);
  const weights = new Set(own.map(({weights: {buffer}}) => buffer));
  return {
    schedule: first.schedule as ScheduleName,
    forms: new Map(forms.map(form => [formKey(form.taps), form])),
    rowAlign: own.map(alignOf).reduce(leastCommonMultiple, 1),
    scratchBytes: Math.max(
      0,
      ...own.map(step => (step.op === 'winograd' ? bytes(step.scratch.buffer) : 0)),
    ),
    isSwept: own.some(({regions}) => regions.some(region => region.perTap)),
    weightBytes: [...weights].reduce((sum, buffer) => sum + bytes(buffer), 0),
  };
}

/** Pairs exist on the whole map only: bands would leave them out. */
function alignOf(step: ConvStep): number {
  if (step.op === 'winograd' && step.form.tile === WINOGRAD_PAIR) return step.y.shape[1]!;
  const rows = step.op === 'winograd' ? winogradOutputs(step.form.tile, step.form.taps[0]) : 1;
  return step.regions.map(region => region.outStepY * rows).reduce(leastCommonMultiple, 1);
}
