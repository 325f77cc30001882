// Results as text: totals, by how the inputs were bound, by operator.

import {BINDINGS, type Result} from './check.js';

/** Lines with the totals of `results` and how the inputs of those that passed were bound. */
export function totals(results: readonly Result[]): string[] {
  const passed = results.filter(result => result.passed);
  return [
    `${passed.length} of ${results.length} pass, ${results.length - passed.length} fail`,
    ...BINDINGS.map(
      name =>
        `inputs bound while loading: ${name}: ${passed.filter(({binding}) => binding === name).length}`,
    ),
  ];
}

/** One line per operator: tests that hold it and pass, of all that hold it; those with most failures first. */
export function operatorTable(results: readonly Result[]): string[] {
  const counts = new Map<string, {passed: number; count: number}>();
  for (const {test, passed} of results)
    for (const op of new Set(test.ops)) {
      const {passed: before, count} = counts.get(op) ?? {passed: 0, count: 0};
      counts.set(op, {passed: before + (passed ? 1 : 0), count: count + 1});
    }
  return [...counts]
    .sort(
      ([nameA, a], [nameB, b]) =>
        b.count - b.passed - (a.count - a.passed) || (nameA < nameB ? -1 : 1),
    )
    .map(
      ([name, {passed, count}]) => `${name.padEnd(28)} ${String(passed).padStart(4)} / ${count}`,
    );
}
