// Checks of the command that reads streamed weights.

import {checksum} from './checksum.js';
import {type Checker, ensure} from './validate-access.js';
import type {CommandOf} from './validate-commands.js';

/** Both ranges exist; where the weights are at hand, they are undamaged. */
export function checkLoad(checker: Checker, command: CommandOf<'load'>): void {
  const {arenaBytes, streamed} = checker.context.program;
  const {offsetBytes, bytes, firstWord} = command;
  ensure(
    checker,
    bytes > 0 && offsetBytes % 4 === 0,
    () => `it reads ${bytes} bytes to byte ${offsetBytes}; expected some, to a float`,
  );
  ensure(
    checker,
    offsetBytes + bytes <= arenaBytes,
    () => `it reaches byte ${offsetBytes + bytes} of an arena of ${arenaBytes}`,
  );
  const start = firstWord * 4;
  ensure(
    checker,
    start + bytes <= streamed.bytes,
    () => `it reads up to byte ${start + bytes} of streamed weights of ${streamed.bytes}`,
  );
  if (streamed.data === null) return;
  const sum = checksum(streamed.data.subarray(start, start + bytes));
  ensure(
    checker,
    sum === command.checksum,
    () => `the checksum of its weights is ${sum}, not ${command.checksum}: the file is damaged`,
  );
}
