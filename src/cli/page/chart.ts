// What all charts share: units of their axes, and the form of a specification.

import type {TopLevelSpec} from 'vega-lite';
import type {Field, PositionDef} from 'vega-lite/build/src/channeldef.js';
import type {LayerSpec, UnitSpec} from 'vega-lite/build/src/spec/index.js';

/** A chart as data: the page's script draws it. */
export type ChartSpec = TopLevelSpec;

export const SCHEMA = 'https://vega.github.io/schema/vega-lite/v5.json';

/** As wide as the page; the height is that of the plot. */
export const AUTOSIZE = {type: 'fit-x', contains: 'padding'} as const;

/** One of the marks that share a chart. */
export type Layer = LayerSpec<Field> | UnitSpec<Field>;

/** What an axis shows. */
export type Axis = PositionDef<Field>;

export interface ByteUnit {
  readonly name: string;
  readonly bytes: number;
}

const UNITS: readonly ByteUnit[] = [
  {name: 'GiB', bytes: 2 ** 30},
  {name: 'MiB', bytes: 2 ** 20},
  {name: 'KiB', bytes: 2 ** 10},
];

/** The unit in which an axis up to `bytes` has short numbers. */
export function unitFor(bytes: number): ByteUnit {
  return UNITS.find(unit => bytes >= unit.bytes) ?? {name: 'bytes', bytes: 1};
}

/** Names may be as long as a model file likes; charts show the end, which tells more. */
export function shortName(name: string, most = 40): string {
  return name.length > most ? `…${name.slice(1 - most)}` : name;
}
