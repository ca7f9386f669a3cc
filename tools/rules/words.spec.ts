import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { files, root } from './source.ts';
import { foundWords } from './words.ts';

describe('no file names a machine or a registry', () => {
  it('holds for every tracked file', () => {
    const found = files().flatMap((path) => foundWords(path, readFileSync(join(root, path), 'utf8')));
    expect(found).toEqual([]);
  });

  // Put together here, so that the rule does not find its own cases.
  const host = (...parts: readonly string[]): string => parts.join('.');

  it.each([
    ['const at = "/home', 'anna/projects/";'].join('/'),
    ['cd', ['', 'work', 'main'].join('/')].join(' '),
    `"resolved": "https://${host('registry', 'npmjs', 'org')}/zod"`,
    `deb http://${host('deb', 'debian', 'org')}/debian bookworm main`,
    `FROM ${host('ghcr', 'io')}/somebody/something`,
    `image: ${host('quay', 'io')}/somebody/something`,
  ])('finds: %s', (line) => {
    expect(foundWords('x', `first\n${line}`).join()).toMatch(/^x:2 says /);
  });

  it.each([
    '`home/work/${name}`',
    'path.join(home, "work", "main")',
    'apt-get install docker.io',
    '../../work/x',
    'https://localhost:5000/v2/',
  ])('lets pass: %s', (line) => {
    expect(foundWords('x', line)).toEqual([]);
  });
});
