// A program file in, checked tables out.
//
// Files come from anywhere: whatever the bytes are, the result is a program that reads and writes only
// inside its memory, or an error. The executor repeats the same checks in native/program.

import type {RegionTap} from '../schedule/steps.js';
import {decodeExplanation} from './explain.js';
import type {FileLayout, Header, SectionName} from './file-layout.js';
import {formatError} from './format-error.js';
import type {DecodedProgram, ProgramHead} from './program.js';
import {rangeReader} from './ranges.js';
import {readHeader} from './read-header.js';
import {
  readBindings,
  readCommandNames,
  readCommands,
  readOps,
  readRegions,
  readTaps,
  readViews,
  sectionWords,
} from './read-tables.js';
import {checkHead, checkTables} from './validate.js';

/**
 * Decodes and validates a program file, or what of it is not streamed.
 *
 * `constants` and `indices` are views of `bytes` when these lie at a multiple of 4.
 *
 * @throws ERR_PROGRAM_FORMAT naming the command and the view at fault; ERR_PROGRAM_VERSION when the
 * file was written with other format tables.
 */
export function decodeProgram(bytes: Uint8Array): DecodedProgram {
  const file = openFile(bytes);
  const program = {...readHead(file), ...readTables(file)};
  checkHead(program);
  checkTables(program);
  return program;
}

/**
 * The sizes and the explanation of a program. Its tables are not looked at: as objects they take more memory than small
 * models, and the executor checks them itself.
 *
 * @throws what `decodeProgram` throws, but for faults of tables
 */
export function decodeHead(bytes: Uint8Array): ProgramHead {
  const head = readHead(openFile(bytes));
  checkHead(head);
  return head;
}

/** Throws what `decodeProgram` throws, for callers that need only the verdict. */
export function validateProgram(bytes: Uint8Array): void {
  decodeProgram(bytes);
}

interface ProgramFile {
  readonly bytes: Uint8Array;
  readonly header: Header;
  readonly layout: FileLayout;
  words(section: SectionName): Uint32Array;
}

function openFile(bytes: Uint8Array): ProgramFile {
  const {header, layout} = readHeader(bytes);
  return {bytes, header, layout, words: name => sectionWords(bytes, layout.sections[name])};
}

function readHead({bytes, header, layout, words}: ProgramFile): ProgramHead {
  const {start, bytes: length} = layout.sections.metadata;
  const explanation = decodeExplanation(bytes.subarray(start, start + length));
  const bindings = readBindings(words('bindings'));
  return {
    arenaBytes: header.arenaBytes,
    constants: asFloats(words('constants')),
    streamed: {
      ...layout.sections.streamed,
      data: bytes.length < layout.fileBytes ? null : bytes.subarray(layout.residentBytes),
    },
    inputs: bindings.slice(0, header.inputCount),
    outputs: bindings.slice(header.inputCount).map((binding, index) => {
      if (binding.offsetBytes !== 0)
        throw formatError(`output ${index} has values in unused fields`);
      return {elements: binding.elements};
    }),
    commandNames: readCommandNames(words('commands')),
    explanation,
  };
}

function readTables({header, words}: ProgramFile): Omit<DecodedProgram, keyof ProgramHead> {
  const tapWords = words('taps');
  const taps = rangeReader<readonly RegionTap[]>('taps', header.tapCount, (first, count) =>
    readTaps(tapWords, first, count),
  );
  return {
    views: readViews(words('views')),
    commands: readCommands(words('commands')),
    regions: readRegions(words('regions'), taps),
    ops: readOps(words('ops')),
    indices: asIntegers(words('indices')),
  };
}

function asFloats(words: Uint32Array): Float32Array {
  return new Float32Array(words.buffer, words.byteOffset, words.length);
}

function asIntegers(words: Uint32Array): Int32Array {
  return new Int32Array(words.buffer, words.byteOffset, words.length);
}
