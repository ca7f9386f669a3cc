import { describe, expect, it } from 'vitest';
import { disposition, exitCode, type Failure } from './failure.ts';
import { positionAt } from './position.ts';
import { text, words } from './words.ts';

const at = positionAt('images/edge/image.yaml', 'base: { image: bsae }\n', 15, 4);
const finding = {
  file: 'a.yml',
  line: 2,
  column: 3,
  message: 'trailing spaces',
  rule: 'yamllint trailing-spaces',
  level: 'error',
} as const;

const place = { stack: 'network', environment: 'production' } as const;
const violation = { rule: 'protect zone', level: 'deny', resource: null, message: 'no', at } as const;

type Sample<C> = C extends Failure['code'] ? Extract<Failure, { code: C }> : never;

/** One of each kind: a new failure does not compile until it is here. */
const SAMPLES: { readonly [Code in Failure['code']]: Sample<Code> } = {
  'declaration-invalid': { code: 'declaration-invalid', at, found: '"bsae"', expected: 'a name' },
  'source-unparsable': { code: 'source-unparsable', at, language: 'YAML', detail: 'no end' },
  'project-duplicate': { code: 'project-duplicate', name: 'edge', files: ['a/image.yaml', 'b/image.yaml'] },
  'folder-shared': {
    code: 'folder-shared',
    folder: 'images/edge',
    files: ['images/edge/image.yaml', 'images/edge/stack.yaml'],
  },
  'reference-missing': { code: 'reference-missing', at, kind: 'image', name: 'bsae', near: ['base'] },
  cycle: { code: 'cycle', path: ['a', 'b', 'a'], at },
  'project-unknown': { code: 'project-unknown', name: 'egde', kind: 'image', near: ['edge'] },
  'workspace-missing': { code: 'workspace-missing', folder: '/tmp' },
  usage: { code: 'usage', detail: 'wrong call', hint: 'Call it rightly.' },
  'tool-missing': { code: 'tool-missing', tool: 'packer', purpose: 'images', install: 'Install Packer.' },
  'tool-failed': { code: 'tool-failed', tool: 'packer', detail: 'boom', log: '/log' },
  'step-failed': {
    code: 'step-failed',
    image: 'edge',
    step: 'role nginx',
    task: 'Install',
    detail: 'no',
    log: '/log',
  },
  'tests-failed': {
    code: 'tests-failed',
    image: 'edge',
    failed: [{ name: 'answers', message: 'got\n502' }],
    total: 3,
  },
  'tests-missing': { code: 'tests-missing', image: 'edge', file: 'images/edge/image.yaml' },
  'lint-failed': { code: 'lint-failed', project: 'edge', findings: [finding] },
  'artifact-missing': { code: 'artifact-missing', image: 'edge' },
  'disk-full': { code: 'disk-full', folder: '/home' },
  'not-permitted': { code: 'not-permitted', what: 'mounting', hint: 'Be root.' },
  'content-corrupt': { code: 'content-corrupt', what: 'blob', expected: 'a', found: 'b' },
  unreachable: { code: 'unreachable', what: 'Docker', detail: 'refused' },
  timeout: { code: 'timeout', what: 'pytest', seconds: 5 },
  cancelled: { code: 'cancelled' },
  'evidence-missing': {
    code: 'evidence-missing',
    image: 'edge',
    artifact: 'sha256:0',
    why: 'its newest tests failed',
  },
  'version-taken': { code: 'version-taken', version: 'edge@1.4.1', where: 'git', expected: 'a', found: 'b' },
  'version-unknown': { code: 'version-unknown', version: 'edge@1.4.1', near: ['edge@1.4.0'] },
  revoked: { code: 'revoked', version: 'edge@1.4.1', by: 'base@1.0.0', reason: 'a hole' },
  'not-shared': { code: 'not-shared', version: 'edge@1.4.1', accounts: [{ name: 'one', detail: 'nothing' }] },
  'account-unfit': { code: 'account-unfit', account: 'one', image: 'edge', why: 'it takes AMIs' },
  'channel-empty': { code: 'channel-empty', image: 'edge', channel: 'default', detail: 'points to nothing' },
  untrusted: { code: 'untrusted', what: 'edge@1.4.1', why: 'nobody signed it' },
  'ledger-corrupt': { code: 'ledger-corrupt', at, found: 'an edit', expected: 'what was sealed' },
  'ledger-lost': {
    code: 'ledger-lost',
    ledger: 'deployments of origin',
    branch: 'deployments',
    seen: 'abcdef',
  },
  'ledger-contended': { code: 'ledger-contended', branch: 'deployments', tries: 9 },
  'store-refused': {
    code: 'store-refused',
    store: 'r.example',
    doing: 'a push',
    status: 507,
    detail: 'full',
  },
  'plan-outdated': { code: 'plan-outdated', ...place, moved: ['its state has moved from 1 to 2'] },
  'plan-missing': { code: 'plan-missing', ...place },
  'state-other': { code: 'state-other', ...place, why: 'its state is gone' },
  'plan-deferred': { code: 'plan-deferred', ...place, why: 'zones of network is not known yet' },
  'policy-violated': { code: 'policy-violated', ...place, violations: [violation] },
  'state-locked': { code: 'state-locked', ...place, holder: 'ann@laptop', wayOut: 'Free it.' },
  'apply-failed': { code: 'apply-failed', ...place, detail: 'no quota', log: '/log' },
  'not-settled': { code: 'not-settled', ...place, changes: ['update clock'] },
  drifted: { code: 'drifted', ...place, changes: ['+ create network'], next: 'Apply it.' },
  'repair-waits': { code: 'repair-waits', ...place, changes: ['+ create network'], next: 'Approve it.' },
  'destroy-refused': {
    code: 'destroy-refused',
    ...place,
    why: 'fleet stands on it',
    next: 'Destroy fleet first.',
  },
};

/** Forms of a failure that leave something out. */
const BARE: readonly Failure[] = [
  { ...SAMPLES['reference-missing'], near: [] },
  { ...SAMPLES['project-unknown'], near: [] },
  { code: 'tool-failed', tool: 'packer', detail: '' },
  { ...SAMPLES['tests-missing'], skipped: 0 },
  { ...SAMPLES['tests-missing'], skipped: 3 },
  { ...SAMPLES['lint-failed'], findings: [finding, finding] },
  { ...SAMPLES['folder-shared'], folder: '' },
  { ...SAMPLES['version-unknown'], near: [] },
  { ...SAMPLES.revoked, by: 'edge@1.4.1' },
  { ...SAMPLES['policy-violated'], violations: [violation, { ...violation, resource: 'zone' }] },
];

const all = [...Object.values(SAMPLES), ...BARE];

describe('words', () => {
  it.each(all.map((failure) => [failure.code, failure] as const))('%s', (_, failure) => {
    const { what, next } = words(failure);
    expect(what).not.toBe('');
    expect(what).not.toContain('\n');
    expect(next).not.toBe('');
    expect(text(failure)).not.toMatch(/undefined|null|\[object|NaN/);
  });

  it.each<[Failure, string]>([
    [
      SAMPLES['reference-missing'],
      'images/edge/image.yaml:1:16: there is no image "bsae"\n1 | base: { image: bsae }\n  |                ^^^^\n-> Did you mean "base"?',
    ],
    [
      { ...SAMPLES['project-unknown'], near: ['edge', 'ege'] },
      'there is no image "egde" in this workspace\n-> Did you mean "edge" or "ege"?',
    ],
    [
      SAMPLES['tests-failed'],
      'edge: 1 of 3 tests failed\n  answers\n    got\n    502\n-> `goldenthread verify edge --keep` keeps the machine, to look around in it.',
    ],
    [
      SAMPLES['lint-failed'],
      "edge: one finding\n  a.yml:2:3 trailing spaces (yamllint trailing-spaces)\n-> Correct it, or say in the linter's own settings why the rule does not hold here.",
    ],
  ])('%#', (failure, expected) => expect(text(failure)).toBe(expected));
});

describe('exitCode', () => {
  const {
    'artifact-missing': waiting,
    'tool-failed': failed,
    'declaration-invalid': invalid,
    usage,
    unreachable,
  } = SAMPLES;
  it.each<[string, readonly Failure[], number]>([
    ['nothing', [], 0],
    ['failed', [failed], 1],
    ['may be tried again', [unreachable], 1],
    ['invalid', [invalid, usage], 2],
    ['waiting', [waiting, waiting], 3],
    ['failed before invalid', [invalid, failed], 1],
    ['failed before waiting', [waiting, failed], 1],
    ['invalid before waiting', [waiting, invalid], 2],
  ])('%s', (_, failures, code) => expect(exitCode(failures)).toBe(code));

  it('every failure has a disposition', () => {
    for (const failure of all) expect(['retry', 'wait', 'stop']).toContain(disposition(failure));
  });
});
