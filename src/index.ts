// The public API. Everything else is internal and may change between versions.

export {
  BOARD_SOURCES,
  type Board,
  type BoardBandwidth,
  type BoardCache,
  type BoardGpu,
  type BoardPeak,
} from './boards/board.js';
export {compile} from './compile.js';
export {ERRORS, type ErrorCode, type ErrorFields, UntangleError} from './errors.js';
export type {ConstantFeed, Feed, Feeds, PictureInput, TensorInput, Values} from './feeds/feeds.js';
export type {Limits} from './onnx/limits.js';
export type {CompileOptions, LoadOptions, OpenOptions} from './options.js';
export type {
  Baselines,
  CommandInfo,
  Explanation,
  Port,
  Program,
  Totals,
} from './program/program.js';
export type {CpuInfo, GpuInfo} from './runtime/addon.js';
export {boardNames, readBoard} from './runtime/board-file.js';
export {load, open} from './runtime/load.js';
export {cpuInfo, gpuInfo, measure} from './runtime/native.js';
export type {
  OutputArray,
  OutputBuffers,
  TensorOutput,
  TensorOutputs,
} from './runtime/outputs.js';
export type {CommandTime, ThreadWork} from './runtime/profile.js';
export type {RunProgress} from './runtime/progress.js';
export type {RunOptions, Session} from './runtime/session.js';
export {SCHEDULES, type ScheduleName} from './schedule/candidates.js';
export {DEVICES, type Device, PRECISIONS, type Precision} from './schedule/device.js';
export type {Counts} from './schedule/steps.js';
