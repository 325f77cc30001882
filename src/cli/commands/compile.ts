// untangle compile: a model in, a program file out.

import type {Command} from 'commander';
import {compileFile, openModelFile} from '../model-file.js';
import {addOptions, type CliOptions} from '../options.js';
import {print, printJson} from '../report.js';
import {formatBytes} from '../sizes.js';
import {writeFileAtomic} from '../write-file.js';

export function addCompileCommand(program: Command): void {
  const command = program
    .command('compile')
    .description(
      'compile a model to a program file, which every command takes in place of the model',
    )
    .argument('<model>', 'an ONNX model')
    .requiredOption('-o, --output <file>', 'the program file; an old one is replaced in one step')
    .addHelpText(
      'after',
      `
Examples:
  untangle compile generator.onnx -o generator.untp
  untangle compile generator.onnx --shape z=1,64,1,1 --memory 32MiB -o generator.untp`,
    )
    .action(compileCommand);
  addOptions(
    command,
    'shape',
    'constant',
    'device',
    'threads',
    'memory',
    'schedule',
    'exact',
    'board',
    'weights',
    'streamWeights',
    'json',
  );
}

async function compileCommand(
  path: string,
  options: Omit<CliOptions, 'output'> & {readonly output: string},
): Promise<void> {
  const file = await openModelFile(path, options);
  const program = await compileFile(file);
  await writeFileAtomic(options.output, program.bytes);
  const {commands, totals} = program.explanation;
  if (options.json) {
    printJson({
      file: options.output,
      bytes: program.bytes.length,
      commands: commands.length,
      totals,
    });
    return;
  }
  print(
    `${options.output}: ${formatBytes(program.bytes.length)}, ${commands.length} commands, ${formatBytes(totals.totalBytes)} of memory when open`,
  );
}
