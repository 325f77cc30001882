#!/usr/bin/env node
// The command line: untangle run | verify | explain | bench | compile | doctor | demo.

import {Command, CommanderError} from 'commander';
import {addBenchCommand} from './commands/bench.js';
import {addCompileCommand} from './commands/compile.js';
import {addDemoCommand} from './commands/demo.js';
import {addDoctorCommand} from './commands/doctor.js';
import {addExplainCommand} from './commands/explain.js';
import {addRunCommand} from './commands/run.js';
import {addVerifyCommand} from './commands/verify.js';
import {packageVersion} from './package-root.js';
import {reportError, reportUsageError} from './report.js';

function makeProgram(): Command {
  const program = new Command('untangle')
    .description('Runs generative networks on small boards, with every byte of memory counted.')
    .version(packageVersion())
    .showHelpAfterError(false)
    .configureOutput({outputError: () => {}})
    .exitOverride()
    .addHelpText('after', '\nEvery command has its own help: untangle run --help');
  const add = [
    addRunCommand,
    addVerifyCommand,
    addExplainCommand,
    addBenchCommand,
    addCompileCommand,
    addDoctorCommand,
    addDemoCommand,
  ];
  for (const addCommand of add) addCommand(program);
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

async function main(args: readonly string[]): Promise<void> {
  // `untangle explain model | head` closes the pipe early; that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? 0 : 1),
  );
  const isJson = args.includes('--json');
  try {
    await makeProgram().parseAsync(args, {from: 'user'});
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return;
      // Help that nobody asked for says enough by itself.
      if (error.code !== 'commander.help') reportUsageError(error.message, isJson);
    } else {
      reportError(error, isJson);
    }
    process.exitCode = 1;
  }
}

await main(process.argv.slice(2));
