import { describe, expect, it } from 'vitest';
import type { Artifact, Evidence } from '../artifact.ts';
import { mayPublish } from './publish.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const artifact = { image: 'edge', digest: digest('a') } as Artifact;

interface Given {
  readonly of?: string;
  readonly tests?: string;
  readonly time?: number;
  readonly outcomes?: readonly ('passed' | 'failed' | 'skipped')[];
}

const evidence = ({ of = 'a', tests = '1', time = 0, outcomes = ['passed'] }: Given = {}): Evidence => ({
  schema: 1,
  image: 'edge',
  artifact: digest(of),
  tests: digest(tests),
  passed: outcomes.every((outcome) => outcome !== 'failed'),
  time: new Date(time).toISOString(),
  seconds: 1,
  tools: {},
  suites: [
    {
      name: 's',
      verifier: 'script',
      on: 'files',
      seconds: 1,
      cases: outcomes.map((outcome) => ({ name: 'c', outcome, seconds: 1 })),
    },
  ],
});

describe('an artifact may leave the machine', () => {
  it.each<[string, readonly Evidence[]]>([
    ['tests passed on it', [evidence()]],
    ['they failed first, and passed then', [evidence({ outcomes: ['failed'] }), evidence({ time: 1 })]],
    [
      'other tests failed on it elsewhere',
      [evidence(), evidence({ tests: '2', time: 1, outcomes: ['failed'] })],
    ],
  ])('where %s', (_, all) => expect(mayPublish(artifact, all).ok).toBe(true));

  it.each<[string, readonly Evidence[], string]>([
    ['nothing was tested', [], 'no evidence'],
    ['another artifact was tested', [evidence({ of: 'b' })], 'another artifact'],
    ['tests failed', [evidence({ outcomes: ['passed', 'failed'] })], 'failed'],
    ['the same tests failed later', [evidence(), evidence({ time: 1, outcomes: ['failed'] })], 'failed'],
    ['none of them ran', [evidence({ outcomes: ['skipped'] })], 'none of them ran'],
    ['there are none, whatever the record says', [{ ...evidence(), suites: [] }], 'none of them ran'],
  ])('but not where %s', (_, all, why) => {
    expect(mayPublish(artifact, all)).toMatchObject({
      failures: [{ code: 'evidence-missing', why: expect.stringContaining(why) as unknown }],
    });
  });
});
