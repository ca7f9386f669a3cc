import { ok, within, type PolicyChecker, type PolicyFinding, type StackTester } from '@goldenthread/core';
import type { MemoryFiles } from './memory-sources.ts';

/** A file of rules has lines such as `refuse <address>: <words>`, which speak where a plan changes that resource. */
export const memoryPolicy = (name: string, files: MemoryFiles): PolicyChecker => ({
  name,
  tools: [],
  async check(path, { changes }) {
    const findings = (files.get(path) ?? '').split('\n').flatMap((line): PolicyFinding[] => {
      const [, resource = '', message = ''] = /^refuse (\S+): (.*)$/.exec(line) ?? [];
      return changes.some(({ address }) => address === resource) ? [{ resource, message }] : [];
    });
    return ok(findings);
  },
});

/** Tests of stacks are files `*.test` with lines such as `pass starts` and `fail answers`. */
export const memoryTester = (files: MemoryFiles): StackTester => ({
  name: 'memory',
  tools: [],
  tests: (all, { root }) => all.filter((path) => within(path, root) && path.endsWith('.test')),
  async test({ stack }) {
    const read = [...files].filter(([path]) => within(path, stack.root) && path.endsWith('.test'));
    const cases = read.flatMap(([, text]) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => ({
          name: line.slice(5),
          outcome: line.startsWith('pass') ? ('passed' as const) : ('failed' as const),
          seconds: 0,
          ...(line.startsWith('pass') ? {} : { message: 'it failed' }),
        })),
    );
    return ok({ name: 'memory tests', verifier: 'memory', on: 'files', seconds: 0, cases });
  },
});
