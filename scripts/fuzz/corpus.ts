// Seeds: small models that together use every registered operator, and the programs they compile to.

import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {compile} from '../../src/compile.js';
import {supportedOperators} from '../../src/graph/registry.js';
import {DEFAULT_LIMITS} from '../../src/onnx/limits.js';
import {MODEL, type ModelProto, type TensorProto} from '../../src/onnx/proto.js';
import {readMessage, writeMessage} from '../../src/onnx/wire.js';
import {SMALL_MODELS} from '../../test/runtime/small-models.js';
import {operatorModels} from './operator-models.js';

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface ModelCorpus {
  readonly seeds: readonly Seed[];
  /** Registered operators of which no seed compiles. */
  readonly withoutSeed: readonly string[];
}

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const SEEDS_PER_OPERATOR = 5;
/** Bytes kept of each tensor of a large model; it no longer compiles, but its structure is real. */
const KEPT_BYTES = 64;

/** All seeds for the ONNX reader. */
export function modelCorpus(): ModelCorpus {
  const seeds: Seed[] = [...SMALL_MODELS, ...shortenedModels()];
  const withoutSeed: string[] = [];
  for (const {opType} of supportedOperators()) {
    const found = compilingModels(opType);
    if (found.length === 0) withoutSeed.push(opType);
    seeds.push(...found);
  }
  return {seeds, withoutSeed};
}

/** Program files of every seed that compiles, no larger than `maxBytes`. */
export function programCorpus(maxBytes: number): Seed[] {
  const seen = new Set<string>();
  return modelCorpus().seeds.flatMap(({name, bytes}) => {
    try {
      const program = compile(bytes, {threads: 1});
      const kinds = program.explanation.commands.map(({op, schedule}) => op + schedule).join();
      if (program.bytes.length > maxBytes || seen.has(kinds)) return [];
      seen.add(kinds);
      return [{name, bytes: program.bytes}];
    } catch {
      return [];
    }
  });
}

/** One model for each of the first signatures that fit. */
function compilingModels(opType: string): Seed[] {
  const found = new Map<string, Seed>();
  for (const {signature, name, bytes} of operatorModels(opType)) {
    if (found.has(signature) || !compiles(bytes)) continue;
    found.set(signature, {name, bytes});
    if (found.size === SEEDS_PER_OPERATOR) break;
  }
  return [...found.values()];
}

function compiles(bytes: Uint8Array): boolean {
  try {
    compile(bytes, {threads: 1});
    return true;
  } catch {
    return false;
  }
}

/** The models of the package with almost no weights, and their first kilobytes as they are. */
function shortenedModels(): Seed[] {
  const folder = path.join(ROOT, 'models');
  return readdirSync(folder)
    .filter(name => name.endsWith('.onnx'))
    .flatMap(name => {
      const bytes = readFileSync(path.join(folder, name));
      const proto = readMessage<ModelProto>(bytes, MODEL, DEFAULT_LIMITS);
      const initializer = (proto.graph?.initializer ?? []).map(shorten);
      const short = writeMessage({...proto, graph: {...proto.graph, initializer}}, MODEL);
      return [
        {name: `${name} without weights`, bytes: short},
        {name: `${name} cut off`, bytes: new Uint8Array(bytes.subarray(0, 2048))},
      ];
    });
}

function shorten(tensor: TensorProto): TensorProto {
  const {rawData} = tensor;
  return rawData === undefined ? tensor : {...tensor, rawData: rawData.subarray(0, KEPT_BYTES)};
}
