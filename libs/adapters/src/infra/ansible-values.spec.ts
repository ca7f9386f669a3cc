import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '@goldenthread/core';
import { missingTools } from '@goldenthread/testing';
import { describe, expect, it } from 'vitest';
import { valuesFile } from './ansible-values.ts';

const missing = missingTools('ansible-inventory');

describe('a file of values', () => {
  it('marks texts, and only those', () => {
    expect(valuesFile({ a: 'x', b: [1, true, null, 'y'], c: { 'd e': 'z', f: undefined } })).toBe(
      '{"a": !unsafe "x", "b": [1, true, null, !unsafe "y"], "c": {"d e": !unsafe "z"}}\n',
    );
  });

  it.skipIf(missing.length > 0)('is read by Ansible as what was written', () => {
    const values: Readonly<Record<string, Json>> = {
      text: 'ä 😀 "quoted" \\ \u007f\u0085\u2028\ttab\nline',
      template: '{{ lookup("pipe", "id") }}',
      yes: 'yes',
      number: '012',
      nested: [{ 'a key': [-1.5, 1e21, false, null] }],
    };
    const folder = mkdtempSync(join(tmpdir(), 'goldenthread-values-'));
    try {
      writeFileSync(join(folder, 'values.yml'), valuesFile(values));
      const hosts = { all: { hosts: { here: {} } } };
      writeFileSync(join(folder, 'hosts.json'), JSON.stringify(hosts));
      const argv = [
        '-i',
        join(folder, 'hosts.json'),
        '-e',
        `@${join(folder, 'values.yml')}`,
        '--host',
        'here',
      ];
      const said = JSON.parse(execFileSync('ansible-inventory', argv, { encoding: 'utf8' })) as unknown;
      const unsafe = (value: Json): Json =>
        typeof value === 'string'
          ? { __ansible_unsafe: value }
          : Array.isArray(value)
            ? value.map((item: Json) => unsafe(item))
            : value !== null && typeof value === 'object'
              ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unsafe(one as Json)]))
              : value;
      expect(said).toEqual(unsafe(values));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
