// Builds the native addon: `npm install` runs this. Quiet when it works, complete when it does not.
import {spawnSync} from 'node:child_process';
import {createRequire} from 'node:module';
import {availableParallelism} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

function runs(command, args, input) {
  const result = spawnSync(command, args, {input, stdio: ['pipe', 'ignore', 'ignore']});
  return result.status === 0;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (!runs('cmake', ['--version'])) {
  fail(
    'untangle-edge needs CMake to build its native addon: install the package "cmake" (apt-get install cmake)',
  );
}

// The headers the addon uses that older compilers lack.
const probe = '#include <bit>\n#include <span>\nstatic_assert(__cplusplus >= 202002L);\n';
const compilers = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
const works = compilers.some(name => {
  const [command, ...flags] = name.split(' ');
  return runs(command, [...flags, '-std=c++20', '-x', 'c++', '-fsyntax-only', '-'], probe);
});
if (!works) {
  fail(
    'untangle-edge needs a C++20 compiler (g++ 10 or later) to build its native addon: install the package "g++" (apt-get install build-essential)',
  );
}
if (!runs('ninja', ['--version']) && !runs('make', ['--version'])) {
  fail(
    'untangle-edge needs make or Ninja to build its native addon: install the package "make" (apt-get install build-essential)',
  );
}

const require = createRequire(import.meta.url);
const manifest = require.resolve('cmake-js/package.json');
const cmakeJs = path.resolve(path.dirname(manifest), require(manifest).bin['cmake-js']);
const build = spawnSync(
  process.execPath,
  [cmakeJs, 'compile', '--parallel', String(availableParallelism())],
  {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  },
);
if (build.status !== 0) {
  process.stdout.write(build.stdout ?? '');
  process.stderr.write(build.stderr ?? String(build.error));
  fail('untangle-edge: building the native addon failed (output above)');
}
