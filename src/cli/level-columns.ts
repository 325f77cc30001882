// Columns for the bytes that cross each cache.

import type {LevelTraffic} from '../schedule/traffic/step-traffic.js';
import {formatBytes} from './sizes.js';
import type {Column} from './table.js';

/** Bytes from and to every level; none without a board. */
export function levelColumns(levels: readonly LevelTraffic[] | undefined): Column[] {
  return (levels ?? []).map(({from}) => ({title: from, align: 'right'}));
}

export function levelBytes(levels: readonly LevelTraffic[] | undefined): string[] {
  return (levels ?? []).map(({readBytes, writtenBytes}) => formatBytes(readBytes + writtenBytes));
}
