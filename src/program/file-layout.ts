// Where the sections of a program file lie: computed the same way by encoder and decoder.

import {BINDING, COMMAND_WORDS, HEADER, RECORDS, SECTIONS} from './commands.js';

export type SectionName = (typeof SECTIONS)[number];
export type Header = Readonly<Record<(typeof HEADER.fields)[number], number>>;

/** Header fields that decide the size of a section. */
export type SectionSizes = Pick<
  Header,
  | 'inputCount'
  | 'outputCount'
  | 'viewCount'
  | 'commandCount'
  | 'regionCount'
  | 'tapCount'
  | 'opCount'
  | 'indexCount'
  | 'metadataBytes'
  | 'constantBytes'
  | 'streamedLines'
>;

/** Byte range of a section in the file. */
export interface Section {
  readonly start: number;
  readonly bytes: number;
}

export interface FileLayout {
  readonly sections: Readonly<Record<SectionName, Section>>;
  /** What is held in memory: all but the streamed weights. */
  readonly residentBytes: number;
  readonly fileBytes: number;
}

/** Sections, and constants inside theirs, start at cache lines. */
export const ALIGNMENT_BYTES = 64;
export const HEADER_BYTES = HEADER.fields.length * 4;

/** Streamed weights, and each constant among them, start at pages. */
export const PAGE_BYTES = 4096;

/** The next multiple of the alignment. */
export function alignBytes(bytes: number, alignment: number = ALIGNMENT_BYTES): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/** Places the sections one after the other, each at a multiple of 64 bytes; streamed weights begin a page of their own. */
export function layOutFile(sizes: SectionSizes): FileLayout {
  const bytes = sectionBytes(sizes);
  const sections = {} as Record<SectionName, Section>;
  let end = HEADER_BYTES;
  for (const name of SECTIONS) {
    if (name === 'streamed') continue;
    const start = alignBytes(end);
    sections[name] = {start, bytes: bytes[name]};
    end = start + bytes[name];
  }
  const residentBytes = bytes.streamed > 0 ? alignBytes(end, PAGE_BYTES) : end;
  sections.streamed = {start: residentBytes, bytes: bytes.streamed};
  return {sections, residentBytes, fileBytes: residentBytes + bytes.streamed};
}

function sectionBytes(sizes: SectionSizes): Record<SectionName, number> {
  return {
    bindings: (sizes.inputCount + sizes.outputCount) * BINDING.fields.length * 4,
    views: sizes.viewCount * RECORDS.view.fields.length * 4,
    commands: sizes.commandCount * COMMAND_WORDS * 4,
    regions: sizes.regionCount * RECORDS.region.fields.length * 4,
    taps: sizes.tapCount * RECORDS.tap.fields.length * 4,
    ops: sizes.opCount * RECORDS.op.fields.length * 4,
    indices: sizes.indexCount * 4,
    metadata: sizes.metadataBytes,
    constants: sizes.constantBytes,
    streamed: sizes.streamedLines * ALIGNMENT_BYTES,
  };
}
