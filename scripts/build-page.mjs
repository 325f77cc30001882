// Bundles what a page of `untangle explain --html` needs: its script with the charts' library, its style, and the licences.
//
// Bundled at build time: the library with what it depends on is 70 MB in node_modules, and 0.9 MB here.
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const source = path.join(root, 'src', 'cli', 'page', 'browser');
const outdir = path.join(root, 'dist', 'src', 'cli', 'page', 'assets');

const {metafile} = await build({
  absWorkingDir: root,
  entryPoints: [path.join(source, 'page.ts'), path.join(source, 'page.css')],
  bundle: true,
  minify: true,
  format: 'iife',
  // Escapes what HTML would take for the end of the script, too.
  target: ['es2022'],
  charset: 'ascii',
  legalComments: 'none',
  outdir,
  metafile: true,
  logLevel: 'warning',
});

/** Folders of the packages whose files went into the bundle. */
const packages = new Set(
  Object.values(metafile.outputs)
    .flatMap(({inputs}) => Object.keys(inputs))
    .flatMap(file => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
);
const names = new Map();
for (const folder of [...packages].sort()) {
  const {name, version, license} = JSON.parse(
    readFileSync(path.join(root, folder, 'package.json'), 'utf8'),
  );
  const text = readLicence(path.join(root, folder)) ?? `${license}, without a text of its own`;
  names.set(text, [...(names.get(text) ?? []), `${name} ${version}`]);
}
const licences = [...names].map(([text, list]) => `${list.join(', ')}:\n\n${text.trim()}\n`);
writeFileSync(path.join(outdir, 'licences.txt'), licences.join('\n----\n\n'));

function readLicence(folder) {
  for (const name of ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE']) {
    try {
      return readFileSync(path.join(folder, name), 'utf8');
    } catch {}
  }
  return null;
}
