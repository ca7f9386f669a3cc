import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../canonical.ts';
import { checkStatement } from './chain.ts';
import { BUILD_TYPE, PREDICATES, STATEMENT_TYPE } from './provenance.ts';

const hex = 'd'.repeat(64);
const expected = { image: 'edge', digest: `sha256:${hex}` };
const provenance = {
  buildDefinition: { buildType: BUILD_TYPE, externalParameters: {}, resolvedDependencies: [] },
  runDetails: { builder: { id: 'urn:x' } },
};
const whole = {
  _type: STATEMENT_TYPE,
  subject: [{ name: 'edge', digest: { sha256: hex } }],
  predicateType: PREDICATES.provenance as string,
  predicate: provenance as Json,
};
const refused = (why: string): unknown => ({
  ok: false,
  failures: [
    { code: 'untrusted', what: 'a statement about edge', why: expect.stringContaining(why) as unknown },
  ],
});

describe('a statement about an artifact', () => {
  it.each<[string, Json]>([
    [PREDICATES.provenance, provenance],
    [PREDICATES.sbom, { bomFormat: 'CycloneDX' }],
    [PREDICATES.evidence, { result: 'PASSED' }],
  ])('is taken: %s', (predicateType, predicate) => {
    expect(checkStatement({ ...whole, predicateType, predicate }, expected)).toEqual({
      ok: true,
      value: { predicateType, predicate },
    });
  });

  it('may be about others as well', () => {
    const subject = [{ name: 'other', digest: { sha512: 'x' } }, ...whole.subject];
    expect(checkStatement({ ...whole, subject }, expected).ok).toBe(true);
  });

  it.each<[string, Json]>([
    ['it is no in-toto statement', null],
    ['it is no in-toto statement', [whole]],
    ['it is no in-toto statement', { ...whole, _type: 'https://in-toto.io/Statement/v0.1' }],
    ['of an unknown kind: "https://x"', { ...whole, predicateType: 'https://x' }],
    ['of an unknown kind: null', { ...whole, predicateType: undefined }],
    ['it names no artifact', { ...whole, subject: [] }],
    ['it is about null null, not about edge', { ...whole, subject: [null] }],
    [
      `it is about "edge" "${'0'.repeat(64)}", not about edge sha256:${hex}`,
      { ...whole, subject: [{ name: 'edge', digest: { sha256: '0'.repeat(64) } }] },
    ],
    ['it is about "other"', { ...whole, subject: [{ name: 'other', digest: { sha256: hex } }] }],
    ['it says nothing', { ...whole, predicate: [] }],
    ['it does not say that it was baked', { ...whole, predicate: { buildDefinition: { buildType: 'x' } } }],
    [
      'it does not say from what',
      { ...whole, predicate: { ...provenance, buildDefinition: { buildType: BUILD_TYPE } } },
    ],
    ['it does not say by what', { ...whole, predicate: { ...provenance, runDetails: {} } }],
    ['it holds no CycloneDX', { ...whole, predicateType: PREDICATES.sbom }],
    ['tests failed', { ...whole, predicateType: PREDICATES.evidence, predicate: { result: 'FAILED' } }],
    ['no result of tests', { ...whole, predicateType: PREDICATES.evidence, predicate: {} }],
  ])('is refused: %s', (why, statement) => {
    expect(checkStatement(statement, expected)).toEqual(refused(why));
  });

  it('is refused where it is of another kind than asked for', () => {
    const asked = { ...expected, predicateType: PREDICATES.sbom };
    expect(checkStatement(whole, asked)).toEqual(refused(`not of ${PREDICATES.sbom}`));
    expect(checkStatement(whole, { ...expected, predicateType: PREDICATES.provenance }).ok).toBe(true);
  });

  it('is refused whatever else it may be', () => {
    const json = fc.jsonValue() as fc.Arbitrary<Json>;
    const spoilt = fc
      .constantFrom('_type', 'subject', 'predicateType', 'predicate')
      .chain((key) => json.map((value): Json => ({ ...whole, [key]: value })));
    fc.assert(fc.property(fc.oneof(json, spoilt), (value) => !checkStatement(value, expected).ok));
  });
});
