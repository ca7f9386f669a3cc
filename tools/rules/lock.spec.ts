import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { missingFromLock, type Lock } from './lock.ts';
import { root } from './source.ts';

describe('the lock file', () => {
  it('holds every package for every platform, so that npm ci works in a clean clone', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
    expect(missingFromLock(lock)).toEqual([]);
  });

  it('is found to lack what only another platform would install', () => {
    const packages = {
      '': { dependencies: { tool: '1' } },
      'node_modules/tool': { optionalDependencies: { '@tool/linux': '1', '@tool/darwin': '1' } },
      'node_modules/@tool/linux': {},
    };
    expect(missingFromLock({ packages }).join()).toMatch(/^node_modules\/tool needs @tool\/darwin, /);
  });

  it('may hold a package in any folder above the one that needs it', () => {
    const packages = {
      'libs/core': { dependencies: { yaml: '2', zod: '4' } },
      'libs/core/node_modules/yaml': { dependencies: { zod: '4' } },
      'node_modules/zod': {},
    };
    expect(missingFromLock({ packages })).toEqual([]);
  });
});
