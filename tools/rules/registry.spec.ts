import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BUILDERS, INFRA, LINTERS, MACHINES, VERIFIERS } from '../../libs/adapters/src/registry.ts';
import type { Parts } from '../../libs/adapters/src/parts.ts';
import { eager, portNames, registryGaps } from './registry.ts';
import { code, parse, root } from './source.ts';

const portsFile = parse('libs/core/src/ports.ts', readFileSync(join(root, 'libs/core/src/ports.ts'), 'utf8'));

// Making an adapter touches nothing; only using it does. So empty parts do.
const parts = { root: '/nowhere', home: '/nowhere', blobs: {} } as unknown as Parts;

describe('the map of adapters', () => {
  it('names every adapter, and nothing else', () => {
    const ports = portNames(portsFile);
    expect(ports).toEqual(expect.arrayContaining(['ImageBuilder', 'ImageStore', 'Workspace', 'Blobs']));
    expect(registryGaps(code(), ports)).toEqual([]);
  });

  it('loads an adapter when it is needed', () => {
    expect(eager(code())).toEqual([]);
  });

  it.each([
    ...Object.entries(BUILDERS).map(([name, load]) => ({ kind: 'builder', name, load })),
    ...Object.entries(VERIFIERS).map(([name, load]) => ({ kind: 'verifier', name, load })),
    ...Object.entries(LINTERS).map(([name, load]) => ({ kind: 'linter', name, load })),
    ...Object.entries(INFRA).map(([name, load]) => ({ kind: 'engine', name, load })),
    ...Object.entries(MACHINES).map(([name, load]) => ({ kind: 'machine', name, load })),
  ])('the $kind $name is what its name says', async ({ name, load }) => {
    const make = await load();
    expect(make(parts).name).toBe(name);
  });
});

describe('the rule finds', () => {
  const map = parse(
    'libs/adapters/src/registry.ts',
    "export const BUILDERS = { one: async () => (await import('./builder/one.ts')).createOne };",
  );
  const ports = ['ImageBuilder'];
  const one = parse('libs/adapters/src/builder/one.ts', 'export const createOne = (): ImageBuilder => one;');

  it('nothing where all is listed', () => {
    const helper = parse(
      'libs/adapters/src/builder/words.ts',
      'export const createWords = (): string => "";',
    );
    const shared = parse(
      'libs/adapters/src/docker/engine.ts',
      'export function createEngine(): ImageBuilder {}',
    );
    expect(registryGaps([map, one, helper, shared], ports)).toEqual([]);
  });

  it('an adapter that is not listed', () => {
    const other = parse(
      'libs/adapters/src/builder/other.ts',
      'export function createOther(parts: Parts): ImageBuilder {}',
    );
    expect(registryGaps([map, one, other], ports).join()).toContain(
      'builder/other.ts is an adapter that neither',
    );
  });

  it('a name that leads nowhere', () => {
    expect(registryGaps([map], ports).join()).toContain(
      'builder/one.ts is named in the map, and is not there',
    );
  });

  it('an adapter that is loaded at once', () => {
    const text =
      "import { createOne } from './builder/one.ts';\nimport type { Two } from './builder/two.ts';";
    expect(eager([parse('libs/adapters/src/registry.ts', text)])).toHaveLength(1);
  });
});
