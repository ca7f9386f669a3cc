import { defineConfig } from 'vitest/config';

// Specs read the sources of sibling libraries, never a build that may be stale.
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  resolve: { conditions: ['@goldenthread/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@goldenthread/source', 'node', 'import', 'default'] } },
  test: {
    include: ['libs/*/src/**/*.spec.ts', 'apps/*/src/**/*.spec.ts', 'tools/**/*.spec.ts'],
    testTimeout: 20_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
