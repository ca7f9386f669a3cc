import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stubTool, terraformWorld, withPath, type Stub, type TerraformWorld } from '@goldenthread/testing';
import type { Call, Event, Result, StackOrder, Suite } from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { createGoTester, goCases } from './go.ts';

const event = (Action: string, more: object = {}): string =>
  JSON.stringify({ Time: '2026-01-01T00:00:00Z', Action, Package: 'example/test', ...more });

/** What `go test -json` prints of one test that passes, one that fails and one that is left out. */
const REPORT = [
  event('start'),
  event('run', { Test: 'TestNetwork' }),
  event('output', { Test: 'TestNetwork', Output: '=== RUN   TestNetwork\n' }),
  event('output', { Test: 'TestNetwork', Output: '--- PASS: TestNetwork (1.20s)\n' }),
  event('pass', { Test: 'TestNetwork', Elapsed: 1.2 }),
  event('run', { Test: 'TestEdge' }),
  event('output', { Test: 'TestEdge', Output: '=== RUN   TestEdge\n' }),
  event('output', { Test: 'TestEdge', Output: '    edge_test.go:12: it does not answer\n' }),
  event('output', { Test: 'TestEdge', Output: '--- FAIL: TestEdge (0.10s)\n' }),
  event('fail', { Test: 'TestEdge', Elapsed: 0.1 }),
  event('output', { Test: 'TestLater', Output: '    later_test.go:3: not yet\n' }),
  event('skip', { Test: 'TestLater', Elapsed: 0 }),
  event('output', { Output: 'FAIL\n' }),
  event('fail', { Elapsed: 1.4 }),
].join('\n');

describe('goCases', () => {
  it('takes a package that does not compile as a failed case', () => {
    const { line, cases } = goCases();
    line(
      JSON.stringify({
        ImportPath: 'example/test [example/test.test]',
        Action: 'build-output',
        Output: './a_test.go:5:2: undefined: x\n',
      }),
    );
    line(JSON.stringify({ ImportPath: 'example/test [example/test.test]', Action: 'build-fail' }));
    line(event('output', { Output: 'FAIL\texample/test [build failed]\n' }));
    line(event('fail', { Elapsed: 0, FailedBuild: 'example/test [example/test.test]' }));
    expect(cases()).toEqual([
      { name: 'example/test', outcome: 'failed', seconds: 0, message: './a_test.go:5:2: undefined: x' },
    ]);
  });
});

describe('the tester go', () => {
  let world: TerraformWorld;
  let go: Stub;
  let order: StackOrder;
  const bin = (): string => join(world.home, 'bin');
  beforeEach(async () => {
    world = await terraformWorld();
    order = await world.order();
    await mkdir(bin(), { recursive: true });
    go = await stubTool(bin(), 'go', { stdout: `${REPORT}\n`, code: 1 });
    for (const path of ['test/go.mod', 'test/edge_test.go']) {
      const file = join(world.root, 'infra/network', path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, '');
    }
  });
  afterEach(() => world.dispose());

  const recorder = (signal = new AbortController().signal): Call & { readonly events: readonly Event[] } => {
    const events: Event[] = [];
    return { events, signal, emit: (one) => void events.push(one) };
  };
  const tester = () => createGoTester({ root: world.root, home: world.home } as Parts);
  const test = (call: Call): Promise<Result<Suite>> => withPath([bin()], () => tester().test(order, call));

  it('knows tests beside a go.mod', () => {
    const files = [
      'infra/network/test/go.mod',
      'infra/network/test/edge_test.go',
      'infra/network/test/deep/x_test.go',
      'infra/network/other/y_test.go',
      'infra/edge/test/go.mod',
      'infra/edge/test/z_test.go',
    ];
    expect(tester().tests(files, order.stack)).toEqual([
      'infra/network/test/edge_test.go',
      'infra/network/test/deep/x_test.go',
    ]);
    expect(
      tester().tests(
        files.filter((path) => !path.endsWith('go.mod')),
        order.stack,
      ),
    ).toEqual([]);
    expect(tester().tests(['infra/network/go.mod', 'infra/network/a_test.go'], order.stack)).toEqual([
      'infra/network/a_test.go',
    ]);
  });

  it('answers each test as a case', async () => {
    const call = recorder();
    expect(await test(call)).toMatchObject({
      ok: true,
      value: {
        name: 'go test infra/network',
        verifier: 'go',
        cases: [
          { name: 'example/test TestNetwork', outcome: 'passed', seconds: 1.2 },
          {
            name: 'example/test TestEdge',
            outcome: 'failed',
            message: '    edge_test.go:12: it does not answer',
          },
          { name: 'example/test TestLater', outcome: 'skipped', message: '    later_test.go:3: not yet' },
        ],
      },
    });
    expect(await go.calls()).toEqual([['test', '-json', '-count=1', '-timeout=60m', './...']]);
    expect(call.events).toContainEqual({
      type: 'output',
      project: 'network',
      line: '    edge_test.go:12: it does not answer',
    });
  });

  it('fails where Go does not come to test anything', async () => {
    await go.answer({ code: 1, stderr: 'go: errors parsing go.mod\n' });
    expect(await test(recorder())).toMatchObject({
      ok: false,
      failures: [{ code: 'tool-failed', tool: 'go', detail: 'go: errors parsing go.mod' }],
    });
  });

  it('stops when it is cancelled, and says what is missing', async () => {
    await go.answer({ script: 'exec sleep 600' });
    const stop = new AbortController();
    const running = test(recorder(stop.signal));
    setImmediate(() => stop.abort());
    expect(await running).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    const refused = await withPath([world.home], () => tester().test(order, recorder()), true);
    expect(refused).toMatchObject({ ok: false, failures: [{ code: 'tool-missing', tool: 'go' }] });
  });
});
