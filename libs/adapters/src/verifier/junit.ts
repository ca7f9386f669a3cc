import { XMLParser } from 'fast-xml-parser';
import type { TestCase } from '@goldenthread/core';

interface Problem {
  readonly '@message'?: string;
  readonly '#text'?: string;
}

interface XmlCase {
  readonly '@classname'?: string;
  readonly '@name'?: string;
  readonly '@time'?: string;
  readonly failure?: readonly Problem[];
  readonly error?: readonly Problem[];
  readonly skipped?: readonly Problem[];
}

interface XmlSuite {
  readonly testcase?: readonly XmlCase[];
  readonly testsuite?: readonly XmlSuite[];
}

const LISTS = new Set(['testsuite', 'testcase', 'failure', 'error', 'skipped']);

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  isArray: (name) => LISTS.has(name),
  // Entities are only the five of XML: a test's output cannot make the parser expand anything.
  processEntities: true,
});

const casesOf = (suite: XmlSuite): readonly XmlCase[] => [
  ...(suite.testcase ?? []),
  ...(suite.testsuite ?? []).flatMap(casesOf),
];

const clean = (text: string): string =>
  text
    .replaceAll('&#10;', '\n')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(0, 12)
    .join('\n');

function toCase(found: XmlCase): TestCase {
  const problem = found.failure?.[0] ?? found.error?.[0];
  const skipped = found.skipped?.[0];
  const message = clean((problem ?? skipped)?.['@message'] ?? (problem ?? skipped)?.['#text'] ?? '');
  return {
    name: [found['@classname'], found['@name']].filter(Boolean).join(' '),
    outcome: problem ? 'failed' : skipped ? 'skipped' : 'passed',
    seconds: Number(found['@time'] ?? 0) || 0,
    ...(message === '' ? {} : { message }),
  };
}

/** The test cases of a JUnit XML report: messages without tracebacks. Throws where it is not XML. */
export function junitCases(xml: string): readonly TestCase[] {
  const report = parser.parse(xml) as XmlSuite & { readonly testsuites?: XmlSuite };
  return casesOf(report.testsuites ?? report).map(toCase);
}
