// Builds the library a second time as CommonJS, for require('untangle-edge').
import {spawnSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
const tsc = path.join(path.dirname(manifest), 'bin', 'tsc');
const {status} = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.cjs.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);
// Says what the .js and .d.ts files are, because the package itself is of modules, and which file is theirs.
const scope = {type: 'commonjs', imports: {'#package-root': './runtime/package-root.cjs'}};
writeFileSync(path.join(root, 'dist-cjs', 'package.json'), `${JSON.stringify(scope)}\n`);
