// A real browser for tests: Debian's Chromium, with or without windows.

import {existsSync} from 'node:fs';
import test, {type ExecutionContext} from 'ava';
import {type Browser, chromium, type Page} from 'playwright-core';

const PLACES = [
  process.env.UNTANGLE_CHROMIUM,
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
const EXECUTABLE = PLACES.find(place => place !== undefined && existsSync(place));

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let browser: Promise<Browser> | undefined;

/** A test in a browser, which is started once; skipped where there is none. */
export function browserTest(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  if (EXECUTABLE === undefined) {
    test.skip(`${title}: skipped, no Chromium is here (apt-get install chromium-headless-shell, or UNTANGLE_CHROMIUM=FILE)`, () => {});
    return;
  }
  test.serial(title, body);
}

test.after.always(async () => (await browser)?.close());

/** A page that was opened, and what it said and asked for since. */
export interface OpenPage {
  readonly page: Page;
  /** Messages of the console, errors that nobody caught, and requests other than the page itself. */
  readonly complaints: readonly string[];
}

/** Opens the file by day or by night; closed after the test. */
export async function openPage(
  t: ExecutionContext,
  path: string,
  colorScheme: 'light' | 'dark' = 'light',
): Promise<OpenPage> {
  browser ??= chromium.launch({executablePath: EXECUTABLE!, args: FLAGS});
  const page = await (await browser).newPage({colorScheme, viewport: {width: 1280, height: 900}});
  t.teardown(() => page.close());
  const complaints: string[] = [];
  page.on('console', message => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', error => complaints.push(error.message));
  const address = new URL(`file://${path}`).href;
  page.on('request', request => {
    if (request.url() !== address && !request.url().startsWith('data:'))
      complaints.push(request.url());
  });
  await page.goto(address);
  return {page, complaints};
}
