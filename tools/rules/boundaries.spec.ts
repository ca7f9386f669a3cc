import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BOUNDARIES, exits, forbiddenImports, NARROW, SHARED } from './boundaries.ts';
import { code, files, parse, root } from './source.ts';

describe('who may import whom', () => {
  it('holds for every import of every file', () => {
    expect(code().flatMap(forbiddenImports)).toEqual([]);
  });

  it('ends the process in one place only', () => {
    expect(code().flatMap(exits)).toEqual([]);
  });

  it('has a line for every project', () => {
    const libraries = readdirSync(join(root, 'libs')).filter((name) => name !== 'roles');
    const projects = [...libraries.map((name) => `libs/${name}`), 'apps/cli'];
    expect(Object.keys(BOUNDARIES).toSorted()).toEqual(projects.toSorted());
  });

  it('names packages that the project depends on, in its own package.json', () => {
    const undeclared = Object.entries(BOUNDARIES).flatMap(([project, { may }]) => {
      const manifest = readFileSync(join(root, project, 'package.json'), 'utf8');
      const packages = may.filter((name) => !/^(node:|vitest$|@nx\/devkit$)/.test(name));
      return packages.filter((name) => !manifest.includes(`"${name}"`)).map((name) => `${project}: ${name}`);
    });
    expect(undeclared).toEqual([]);
  });

  it('names files and folders that are there', () => {
    const all = files();
    const narrow = NARROW.flatMap(({ only }) => only);
    const shared = Object.keys(SHARED).map((name) => `libs/adapters/src/${name}`);
    expect([...narrow, ...shared].filter((one) => !all.some((file) => file.startsWith(one)))).toEqual([]);
  });
});

describe('the rule finds', () => {
  const found = (path: string, text: string): string => forbiddenImports(parse(path, text)).join('\n');

  it.each([
    ['libs/core/src/x.ts', "import { readFileSync } from 'node:fs';", 'core is pure'],
    ['libs/core/src/x.ts', "import type { Host } from '@goldenthread/adapters';", 'core is pure'],
    ['libs/core/src/x.ts', "import { parse } from 'yaml';", 'YAML becomes nodes'],
    ['libs/engine/src/x.ts', "const load = () => import('node:fs/promises');", 'only through ports'],
    ['libs/engine/src/x.ts', "export * from 'goldenthread';", 'only through ports'],
    ['libs/engine/src/x.ts', "import { ok } from '../../core/src/result.ts';", 'never by a path into it'],
    ['libs/adapters/src/store/x.ts', "import { spawn } from 'node:child_process';", 'in one place'],
    ['libs/adapters/src/store/x.ts', "import Docker from 'dockerode';", 'in one place'],
    [
      'libs/adapters/src/builder/x.ts',
      "import { findRoot } from '../store/directory.ts';",
      'adapters do not import each other',
    ],
    [
      'libs/adapters/src/namespace/x.ts',
      "import type { Backend } from '../builder/backend.ts';",
      'adapters do not import each other',
    ],
    [
      'libs/adapters/src/host.ts',
      "import { createBlobs } from './store/blobs.ts';",
      'adapters do not import each other',
    ],
    ['libs/testing/src/x.ts', "import { bake } from '@goldenthread/engine';", 'know ports'],
    ['apps/cli/src/x.ts', "import { ok } from './result';", 'imports say the extension'],
    ['apps/cli/src/x.spec.ts', "import { chromium } from 'playwright-core';", 'parses input'],
  ])('%s: %s', (path, text, reason) => {
    expect(found(path, text)).toContain(reason);
  });

  it.each([
    ['libs/core/src/x.ts', "import { z } from 'zod';\nimport { ok } from './result.ts';"],
    ['libs/core/src/x.spec.ts', "import { readFileSync } from 'node:fs';\nimport fc from 'fast-check';"],
    [
      'libs/adapters/src/builder/x.ts',
      "import { run } from '../host.ts';\nimport { mount } from '../namespace/root.ts';",
    ],
    ['libs/adapters/src/registry.ts', "const load = () => import('./builder/layered.ts');"],
    ['libs/plugin/src/x.ts', "import { graph } from '@goldenthread/core/graph';"],
    ['libs/adapters/src/machine/x.ts', "import type { Container } from 'dockerode';"],
    ['libs/adapters/src/builder/x.ts', "import { parseHcl } from '../facts/hcl.ts';"],
    ['libs/adapters/src/builder/x.spec.ts', "import { createBlobs } from '../store/blobs.ts';"],
    ['tools/x.ts', "import { anything } from 'anywhere';\nimport { run } from '../libs/core/src/x.ts';"],
  ])('nothing wrong in %s: %s', (path, text) => {
    expect(found(path, text)).toBe('');
  });

  it('process.exit outside main.ts', () => {
    expect(exits(parse('libs/engine/src/x.ts', 'process.exit(1);')).join()).toContain(
      'libs/engine/src/x.ts:1',
    );
    expect(exits(parse('apps/cli/src/output.ts', 'if (bad) process.exit(1);'))).toHaveLength(1);
    expect(exits(parse('apps/cli/src/main.ts', 'process.exit(1);'))).toEqual([]);
  });
});
