import { describe, expect, it } from 'vitest';
import { junitCases } from './junit.ts';

const report = (cases: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="0" failures="1" tests="3">${cases}</testsuite></testsuites>`;

describe('junitCases', () => {
  it('reads outcomes, times and messages without tracebacks', () => {
    const xml = report(
      `<testcase classname="tests.test_nginx" name="test_config[local]" time="0.012" />
       <testcase classname="tests.test_nginx" name="test_off" time="0.5"><failure message="AssertionError: server_tokens is on&#10;assert 'on' == 'off'">def test_off():\n    long traceback</failure></testcase>
       <testcase classname="tests.test_nginx" name="test_boot" time="0"><skipped type="pytest.skip" message="not booted">where.py:1: not booted</skipped></testcase>`,
    );
    expect(junitCases(xml)).toEqual([
      { name: 'tests.test_nginx test_config[local]', outcome: 'passed', seconds: 0.012 },
      {
        name: 'tests.test_nginx test_off',
        outcome: 'failed',
        seconds: 0.5,
        message: "AssertionError: server_tokens is on\nassert 'on' == 'off'",
      },
      { name: 'tests.test_nginx test_boot', outcome: 'skipped', seconds: 0, message: 'not booted' },
    ]);
  });

  it('takes an error in a fixture as a failure', () => {
    const [found] = junitCases(
      report(
        '<testcase name="a"><error message="failed on setup with &quot;x &lt; y&quot;">trace</error></testcase>',
      ),
    );
    expect(found).toEqual({
      name: 'a',
      outcome: 'failed',
      seconds: 0,
      message: 'failed on setup with "x < y"',
    });
  });

  it('reads a report whose root is a single suite, and one without cases', () => {
    expect(junitCases('<testsuite><testcase name="only"/></testsuite>')).toEqual([
      { name: 'only', outcome: 'passed', seconds: 0 },
    ]);
    expect(junitCases(report(''))).toEqual([]);
  });
});
