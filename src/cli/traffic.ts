// Arena traffic, and how to say that it is less.

import type {Counts} from '../schedule/steps.js';

/** Bytes read and written. */
export function trafficBytes({
  readBytes,
  writtenBytes,
}: Pick<Counts, 'readBytes' | 'writtenBytes'>): number {
  return readBytes + writtenBytes;
}

/** How `bytes` compares with `baseline`, in words. */
export function describeLess(bytes: number, baseline: number): string {
  if (baseline <= 0) return 'nothing to compare';
  const part = Math.round((1 - bytes / baseline) * 1000) / 10;
  return part >= 0 ? `${part} % less traffic` : `${-part} % more traffic`;
}
