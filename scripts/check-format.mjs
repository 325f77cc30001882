// Checks (or, with --write, applies) clang-format on native/ and bench/. Says so when clang-format is missing.
import {spawnSync} from 'node:child_process';
import {readdirSync} from 'node:fs';
import path from 'node:path';

const root = path.resolve(
  import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname),
  '..',
);
const files = ['native', 'bench'].flatMap(folder =>
  readdirSync(path.join(root, folder), {recursive: true})
    .filter(file => /\.(cc|h|cu|cuh)$/.test(file))
    .map(file => path.join(folder, file)),
);

if (spawnSync('clang-format', ['--version']).error) {
  console.log(
    `skipped: ${files.length} C++ files not checked, clang-format is not installed (apt-get install clang-format)`,
  );
  process.exit(0);
}
const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror'];
const result = spawnSync('clang-format', [...mode, ...files], {cwd: root, stdio: 'inherit'});
process.exit(result.status ?? 1);
