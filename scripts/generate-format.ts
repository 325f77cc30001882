// Writes native/program/format.h and docs/02-program-format.md from the tables of the program format.
//
// `node dist/scripts/generate-format.js` writes them; with `--check` it only compares and
// fails when a committed file is not what the tables say.

import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

import {
  BINARY,
  CUMULATE,
  EXTREME,
  GRID_MODE,
  GRID_PADDING,
  NORMALIZE_PART,
  POOL,
  REDUCE,
  SCATTER,
  TERNARY,
  UNARY,
} from '../src/graph/functions.js';
import {
  BINDING,
  COMMAND_WORDS,
  COMMANDS,
  CPU_COMMANDS,
  HEADER,
  MAGIC,
  MAX_LOADS,
  NONE,
  OP_KINDS,
  RECORDS,
  REGION_FLAGS,
  SLOT,
} from '../src/program/commands.js';
import {ALIGNMENT_BYTES, PAGE_BYTES} from '../src/program/file-layout.js';
import {formatHash, formatHashHex} from '../src/program/format-hash.js';
import {
  NORMALIZE_CHUNKS,
  NORMALIZE_PIXELS,
  PANEL,
  PLANAR,
  SESSION_BYTES,
  WINOGRAD_CHANNELS,
  WORKSPACE_BYTES,
} from '../src/schedule/steps.js';
import {WEIGHT_TYPE} from '../src/untangle/stored-weights.js';
import {WINOGRAD_GAP} from '../src/untangle/winograd.js';
import {generateDocs} from './format-docs.js';
import {generateOperators} from './operators-docs.js';

const snake = (name: string): string =>
  name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
const pascal = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}u`;

/** `enum class Name : uint32_t { kA = 0, ... };`, one enumerator per line. */
function cppEnum(name: string, values: Readonly<Record<string, number>>): string {
  const lines = Object.entries(values).map(([key, value]) => `  k${pascal(key)} = ${value},`);
  return `enum class ${name} : uint32_t {\n${lines.join('\n')}\n};\n`;
}

/** A struct of 32-bit words with its size asserted; `first` is a line put before the fields. */
function cppStruct(
  name: string,
  words: number,
  fields: readonly string[],
  signed: readonly string[],
  first = '',
): string {
  const declared = fields.map(
    field => `  ${signed.includes(field) ? 'int32_t' : 'uint32_t'} ${snake(field)};\n`,
  );
  const unused = words - fields.length - (first === '' ? 0 : 1);
  const padding = unused > 0 ? `  uint32_t unused[${unused}];\n` : '';
  return `struct ${name} {\n${first}${declared.join('')}${padding}};\nstatic_assert(sizeof(${name}) == ${words * 4}, "");\n`;
}

/** Number constants, one per line. */
function cppConstants(prefix: string, values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([key, value]) => `inline constexpr uint32_t k${prefix}${pascal(key)} = ${value};\n`)
    .join('');
}

/** The commands without a kernel for GPUs, and what they are called. */
function cppCpuCommands(): string {
  const entries = CPU_COMMANDS.map(name => `    {Opcode::k${pascal(name)}, "${name}"},\n`);
  return (
    'struct CpuCommand {\n  Opcode opcode;\n  const char* name;\n};\n' +
    `inline constexpr CpuCommand kCpuCommands[] = {\n${entries.join('')}};\n`
  );
}

/** The whole of format.h. */
export function generateHeader(): string {
  const opcodes = Object.fromEntries(
    Object.entries(COMMANDS).map(([name, command]) => [name, command.opcode]),
  );
  const counts = {
    Unary: UNARY,
    Binary: BINARY,
    Ternary: TERNARY,
    Reduce: REDUCE,
    Extreme: EXTREME,
    Cumulate: CUMULATE,
    Pool: POOL,
    Scatter: SCATTER,
    NormalizePart: NORMALIZE_PART,
    GridMode: GRID_MODE,
    GridPadding: GRID_PADDING,
    WeightType: WEIGHT_TYPE,
  };

  const constants = [
    `inline constexpr uint32_t kMagic = ${hex(MAGIC)};\n`,
    `inline constexpr uint32_t kFormatHash = ${hex(formatHash())};\n`,
    `inline constexpr char kFormatHashHex[] = "${formatHashHex()}";\n`,
    `inline constexpr uint32_t kCommandBytes = ${COMMAND_WORDS * 4};\n`,
    `inline constexpr uint32_t kSectionAlignment = ${ALIGNMENT_BYTES};\n`,
    `inline constexpr uint32_t kPageBytes = ${PAGE_BYTES};\n`,
    `inline constexpr uint32_t kMaxLoads = ${MAX_LOADS};\n`,
    `inline constexpr uint32_t kNone = ${hex(NONE)};\n`,
    `inline constexpr uint32_t kPanel = ${PANEL};\n`,
    `inline constexpr uint32_t kNormalizeChunks = ${NORMALIZE_CHUNKS};\n`,
    `inline constexpr uint32_t kMaxNormalizePixels = ${NORMALIZE_PIXELS};\n`,
    `inline constexpr uint32_t kMaxPlanarRows = ${PLANAR.rows};\n`,
    `inline constexpr uint32_t kMaxPlanarChannels = ${PLANAR.channels};\n`,
    `inline constexpr uint32_t kPlanarTile = ${PLANAR.tile};\n`,
    `inline constexpr uint32_t kMaxPlanarWindow = ${PLANAR.window};\n`,
    `inline constexpr uint32_t kMaxWinogradChannels = ${WINOGRAD_CHANNELS};\n`,
    `inline constexpr uint32_t kWinogradGap = ${WINOGRAD_GAP};\n`,
    `inline constexpr uint32_t kWorkspaceBytes = ${WORKSPACE_BYTES};\n`,
    `inline constexpr uint32_t kSessionBytes = ${SESSION_BYTES};\n`,
    cppConstants('Slot', SLOT),
    cppConstants('Region', REGION_FLAGS),
    cppConstants('Op', OP_KINDS),
  ];
  const records = [
    cppStruct('HeaderRecord', HEADER.fields.length, HEADER.fields, []),
    cppStruct('BindingRecord', BINDING.fields.length, BINDING.fields, []),
    ...Object.entries(RECORDS).map(([name, record]) =>
      cppStruct(`${pascal(name)}Record`, record.fields.length, record.fields, record.i32),
    ),
  ];
  const commands = Object.entries(COMMANDS).map(([name, command]) =>
    cppStruct(`${pascal(name)}Command`, COMMAND_WORDS, command.fields, [], '  Opcode opcode;\n'),
  );

  return [
    '// The program format. Generated by scripts/generate-format.ts: do not edit.\n//\n' +
      '// Little-endian 32-bit words throughout; names ending in _bits hold an f32.\n\n#pragma once\n\n#include <cstdint>\n\nnamespace untangle {\n',
    constants.join(''),
    cppEnum('Opcode', opcodes) + cppCpuCommands(),
    ...Object.entries(counts).map(
      ([name, values]) =>
        cppEnum(name, values) +
        `inline constexpr uint32_t k${name}Count = ${Object.keys(values).length};\n`,
    ),
    ...records,
    ...commands,
    '}  // namespace untangle\n',
  ].join('\n');
}

/** What is generated: paths from the root of the repository, and their contents. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['native/program/format.h', generateHeader()],
    ['docs/02-program-format.md', generateDocs()],
    ['docs/operators.md', generateOperators()],
  ]);
}

function main(check: boolean): void {
  for (const [file, text] of generatedFiles()) {
    const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
    if (!check) {
      writeFileSync(path, text);
    } else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
      console.error(`${file} differs from the tables; run npm run generate and commit the result`);
      process.exitCode = 1;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'));
