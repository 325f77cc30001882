// Resident memory of this process as the system counts it.

import {readFileSync} from 'node:fs';

/** Bytes resident now (VmRSS), or at the peak (VmHWM). */
export function resident(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) * 1024;
}
