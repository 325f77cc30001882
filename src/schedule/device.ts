// What programs run on.

/** This machine's CPU, or the first GPU of its CUDA driver. */
export const DEVICES = ['cpu', 'cuda'] as const;

export type Device = (typeof DEVICES)[number];
