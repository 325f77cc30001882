// Traffic of every convolution beside what the usual methods would move.

import type {Explanation} from '../../program/program.js';
import type {Counts} from '../../schedule/steps.js';
import {formatBytes, formatCount} from '../sizes.js';
import {trafficBytes} from '../traffic.js';
import {AUTOSIZE, type ChartSpec, SCHEMA, shortName, unitFor} from './chart.js';

/** In the order of the bars; `browser/theme.ts` has a colour for each. */
export const METHODS = [
  'untangled',
  'zero insertion + im2col',
  'zero insertion, direct',
  'GEMM + col2im',
] as const;
export type Method = (typeof METHODS)[number];

/** A convolution of the model, all its commands together, and the counts of each method. */
export interface LayerTraffic {
  readonly command: number;
  readonly name: string;
  readonly counts: Readonly<Record<Method, Counts>>;
}

/** The convolutions in order. */
export function layerTraffic({commands, convolutions}: Explanation): LayerTraffic[] {
  return convolutions.map(({command, own, zeroInsertIm2col, zeroInsertDirect, gemmCol2im}) => ({
    command,
    name: commands[command]?.name ?? '',
    counts: {
      untangled: own,
      'zero insertion + im2col': zeroInsertIm2col,
      'zero insertion, direct': zeroInsertDirect,
      'GEMM + col2im': gemmCol2im,
    },
  }));
}

/** Pixels of four bars and the gap to the next. */
const LAYER_HEIGHT = 36;

/** Four bars per layer. */
export function trafficChart(layers: readonly LayerTraffic[]): ChartSpec {
  const bytes = layers.flatMap(({counts}) => METHODS.map(method => trafficBytes(counts[method])));
  const unit = unitFor(bytes.reduce((most, one) => Math.max(most, one), 0));
  const values = layers.flatMap(({command, name, counts}) =>
    METHODS.map(method => {
      const {readBytes, writtenBytes, macs} = counts[method];
      const own = trafficBytes(counts.untangled);
      return {
        layer: `${command}  ${shortName(name, 30)}`,
        method,
        amount: trafficBytes(counts[method]) / unit.bytes,
        total: formatBytes(trafficBytes(counts[method])),
        read: formatBytes(readBytes),
        written: formatBytes(writtenBytes),
        macs: formatCount(macs),
        ratio: own > 0 ? `${(trafficBytes(counts[method]) / own).toFixed(2)} ×` : '–',
      };
    }),
  );
  return {
    $schema: SCHEMA,
    description: `Bytes read and written by each of ${layers.length} convolutions, and by three usual methods.`,
    width: 'container',
    autosize: AUTOSIZE,
    height: layers.length * LAYER_HEIGHT,
    data: {values},
    mark: {type: 'bar'},
    encoding: {
      y: {
        field: 'layer',
        type: 'nominal',
        sort: null,
        title: null,
        scale: {paddingInner: 0.25},
        axis: {labelLimit: 240},
      },
      yOffset: {field: 'method', sort: [...METHODS]},
      x: {
        field: 'amount',
        type: 'quantitative',
        title: `bytes read and written (${unit.name})`,
        axis: {orient: 'top'},
      },
      color: {
        field: 'method',
        type: 'nominal',
        title: null,
        scale: {domain: [...METHODS]},
        legend: {orient: 'top'},
      },
      tooltip: [
        {field: 'layer', type: 'nominal', title: 'convolution'},
        {field: 'method', type: 'nominal'},
        {field: 'total', type: 'nominal', title: 'traffic'},
        {field: 'ratio', type: 'nominal', title: 'of ours'},
        {field: 'read', type: 'nominal'},
        {field: 'written', type: 'nominal'},
        {field: 'macs', type: 'nominal', title: 'MACs'},
      ],
    },
  };
}
