// The list of conformance tests that are known to fail, each with its reason.

import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {Result} from './check.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
export const SKIPS_FILE = path.join(ROOT, 'test', 'conformance-skips.json');

type Groups = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Test path → reason. The file groups them under headings: {heading: {test: reason}}. */
export function readSkips(text: string = readFileSync(SKIPS_FILE, 'utf8')): Map<string, string> {
  const skips = new Map<string, string>();
  for (const group of Object.values<Groups[string]>(JSON.parse(text)))
    for (const [test, reason] of Object.entries(group)) {
      if (skips.has(test)) throw new Error(`${test} is listed twice`);
      skips.set(test, reason);
    }
  return skips;
}

/** What is wrong with `results` given the list: failures that are not in it, entries that pass. */
export function compareWithSkips(
  results: readonly Result[],
  skips: ReadonlyMap<string, string>,
): string[] {
  return results.flatMap(({test, passed, reason}) => {
    if (passed && skips.has(test.path)) return [`${test.path} passes: take it off the list`];
    return passed || skips.has(test.path) ? [] : [`${test.path} fails: ${reason}`];
  });
}

/** `groups` without the tests that pass in `results`, and without groups that this empties. */
export function pruneSkips(groups: Groups, results: readonly Result[]): Groups {
  const passed = new Set(results.flatMap(({test, passed}) => (passed ? [test.path] : [])));
  const pruned = Object.entries(groups).map(
    ([heading, group]) =>
      [
        heading,
        Object.fromEntries(Object.entries(group).filter(([test]) => !passed.has(test))),
      ] as const,
  );
  return Object.fromEntries(pruned.filter(([, group]) => Object.keys(group).length > 0));
}

/** Takes the tests that pass in `results` off the list in the file. */
export function pruneSkipsFile(results: readonly Result[]): void {
  const groups: Groups = JSON.parse(readFileSync(SKIPS_FILE, 'utf8'));
  writeFileSync(SKIPS_FILE, `${JSON.stringify(pruneSkips(groups, results), null, 2)}\n`);
}
