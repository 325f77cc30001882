// What programs run on.

/** This machine's CPU, or the first GPU of its CUDA driver. */
export const DEVICES = ['cpu', 'cuda'] as const;

export type Device = (typeof DEVICES)[number];

/** How precise a GPU's products have to be; sums are f32 always. */
export const PRECISIONS = ['fp32', 'tf32', 'fp16'] as const;

export type Precision = (typeof PRECISIONS)[number];
