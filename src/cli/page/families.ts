// Commands by what they do, as the charts colour them.

/** In the order of the legend; `browser/theme.ts` has a colour for each. */
export const FAMILIES = [
  'convolution',
  'matrix product',
  'elementwise',
  'normalisation, reduction',
  'pooling, resizing',
  'copy, gather',
  'scratch',
  'input',
] as const;
export type Family = (typeof FAMILIES)[number];

const FAMILY_OF: Readonly<Record<string, Family>> = {
  gemmTaps: 'convolution',
  planarTaps: 'convolution',
  depthwise: 'convolution',
  winograd: 'convolution',
  matmul: 'matrix product',
  elementwise: 'elementwise',
  normalize: 'normalisation, reduction',
  softmax: 'normalisation, reduction',
  reduce: 'normalisation, reduction',
  argReduce: 'normalisation, reduction',
  cumulative: 'normalisation, reduction',
  pool: 'pooling, resizing',
  resize: 'pooling, resizing',
  gridSample: 'pooling, resizing',
};

/** The family of a command; what only moves data is the rest. */
export function familyOf(op: string): Family {
  return FAMILY_OF[op] ?? 'copy, gather';
}
