import { describe, expect, it } from 'vitest';
import type { Artifact, Evidence } from '../artifact.ts';
import { evidenceStatement, provenance, sbomStatement } from './provenance.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

const artifact: Artifact = {
  schema: 1,
  image: 'edge',
  role: 'web',
  fingerprint: digest('f'),
  digest: digest('d'),
  base: { image: 'base', digest: digest('b') },
  builder: { name: 'layered', backend: 'overlay' },
  tools: { 'ansible-playbook': '2.14.18' },
  commit: { sha: 'c'.repeat(40), dirty: false },
  size: 10,
  time: '2026-01-02T03:04:05.000Z',
  seconds: 2.5,
  layers: [{ digest: digest('1'), size: 10, step: 'role nginx' }],
  external: [],
};
const run = { by: 'A <a@example.com>', id: 'https://ci.example/job/1' };
const given = { artifact, version: '1.4.1', declaration: 'images/edge/image.yaml', run };
const subject = [{ name: 'edge', digest: { sha256: 'd'.repeat(64) } }];
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the provenance of an artifact', () => {
  it('says from what, by what and when it was made, as SLSA asks', () => {
    expect(provenance(given)).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject,
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          buildType: 'urn:goldenthread:bake:v1',
          externalParameters: {
            image: 'edge',
            version: '1.4.1',
            declaration: 'images/edge/image.yaml',
            commit: 'c'.repeat(40),
          },
          internalParameters: {
            fingerprint: digest('f'),
            builder: { name: 'layered', backend: 'overlay' },
            tools: { 'ansible-playbook': '2.14.18' },
          },
          resolvedDependencies: [
            { name: 'source', digest: { gitCommit: 'c'.repeat(40) }, annotations: { dirty: false } },
            { name: 'base base', digest: { sha256: 'b'.repeat(64) } },
            { name: 'layer role nginx', digest: { sha256: '1'.repeat(64) }, annotations: { size: 10 } },
          ],
        },
        runDetails: {
          builder: { id: 'urn:goldenthread:builder:layered:overlay' },
          metadata: {
            invocationId: 'https://ci.example/job/1',
            startedOn: '2026-01-02T03:04:02.500Z',
            finishedOn: '2026-01-02T03:04:05.000Z',
          },
        },
      },
    });
  });

  it('leaves out what is not known: no version, no commit, no base', () => {
    const bare = { ...artifact, commit: null, base: null, layers: [], builder: { name: 'packer' } };
    expect(plain(provenance({ ...given, artifact: bare, version: null }))).toMatchObject({
      predicate: {
        buildDefinition: {
          externalParameters: { image: 'edge', declaration: 'images/edge/image.yaml' },
          resolvedDependencies: [],
        },
        runDetails: { builder: { id: 'urn:goldenthread:builder:packer' } },
      },
    });
    expect(JSON.stringify(provenance({ ...given, artifact: bare, version: null }))).not.toMatch(
      /version|"commit"/,
    );
  });
});

describe('other statements', () => {
  const suite = {
    name: 'script images/edge/tests',
    verifier: 'script',
    on: 'files' as const,
    seconds: 1,
    cases: [
      { name: 'a', outcome: 'passed' as const, seconds: 1 },
      { name: 'b', outcome: 'skipped' as const, seconds: 0 },
      { name: 'c', outcome: 'failed' as const, seconds: 0 },
    ],
  };
  const evidence: Evidence = {
    schema: 1,
    image: 'edge',
    artifact: artifact.digest,
    tests: digest('e'),
    passed: false,
    time: artifact.time,
    seconds: 1,
    tools: { sh: '1' },
    suites: [suite],
  };

  it('hold the list of packages', () => {
    const bom = { bomFormat: 'CycloneDX', components: [] };
    expect(sbomStatement(artifact, bom)).toMatchObject({
      subject,
      predicateType: 'https://cyclonedx.org/bom',
      predicate: bom,
    });
  });

  it('hold what was tested and how that went', () => {
    expect(evidenceStatement(artifact, evidence)).toMatchObject({
      subject,
      predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
      predicate: {
        result: 'FAILED',
        configuration: [
          { name: 'tests', digest: { sha256: 'e'.repeat(64) }, annotations: { tools: { sh: '1' } } },
        ],
        passedTests: ['script images/edge/tests: a'],
        failedTests: ['script images/edge/tests: c'],
      },
    });
    expect(evidenceStatement(artifact, { ...evidence, passed: true })).toMatchObject({
      predicate: { result: 'PASSED' },
    });
  });

  it('never say that one artifact passed the tests of another', () => {
    expect(() => evidenceStatement({ ...artifact, digest: digest('0') }, evidence)).toThrow(
      'another artifact',
    );
  });
});
