import {
  fail,
  ok,
  type Failure,
  type Result,
  type StackTester,
  type Suite,
  type TestCase,
} from '@goldenthread/core';
import { declaredOrder, declaredSites } from '../stack/declared.ts';
import { alone, inSlot, type Site, type StackWorld } from '../stack/world.ts';

/** What became of the tests of one stack. */
export interface StackTested {
  readonly stack: string;
  /** Whose values the tests got. */
  readonly environment: string;
  /** One for each tester that found tests; none: the stack has no tests. */
  readonly suites: readonly Suite[];
  readonly seconds: number;
}

/** What became of all of them; failures of one are no reason not to run the others. */
export interface StackTests {
  readonly tested: readonly StackTested[];
  readonly failures: readonly Failure[];
}

/** All cases that ran, or were to run. */
export const casesOf = ({ suites }: StackTested): readonly TestCase[] => suites.flatMap(({ cases }) => cases);

async function runTester(world: StackWorld, site: Site, tester: StackTester): Promise<Result<Suite>> {
  const { ports, call } = world;
  const tools = await ports.tools.versions(tester.tools, call);
  if (!tools.ok) return tools;
  const { stack } = site.place;
  const step = `${tester.name} tests`;
  const started = performance.now();
  call.emit({ type: 'step', project: stack, step, state: 'started' });
  const suite = await tester.test(declaredOrder(world, site), call);
  const bad = !suite.ok || suite.value.cases.some(({ outcome }) => outcome === 'failed');
  const seconds = (performance.now() - started) / 1000;
  call.emit({ type: 'step', project: stack, step, state: bad ? 'failed' : 'done', seconds });
  return suite;
}

/** Failed tests as the failure that they are. */
function failedTests(tested: StackTested): readonly Failure[] {
  const cases = casesOf(tested);
  const failed = cases.filter(({ outcome }) => outcome === 'failed');
  if (failed.length === 0) return [];
  return [
    {
      code: 'tests-failed',
      image: tested.stack,
      failed: failed.map(({ name, message }) => ({ name, message: message ?? 'no message' })),
      total: cases.length,
      next: `Correct it and run \`goldenthread test ${tested.stack}\` again.`,
    },
  ];
}

async function testStack(
  world: StackWorld,
  name: string,
  { environments, files }: { readonly environments: readonly string[]; readonly files: readonly string[] },
): Promise<Result<StackTests>> {
  const started = performance.now();
  const sites = declaredSites(world, name, environments);
  if (!sites.ok) return sites;
  // Tests may make things of their own, so they run once: with the values of the first environment, unless one is named.
  const [site] = sites.value;
  if (!site) throw new Error(`${name} is nowhere`);
  const testers = await world.ports.testers();
  const suites: Suite[] = [];
  const failures: Failure[] = [];
  for (const tester of testers.filter(({ tests }) => tests(files, site.stack).length > 0)) {
    const suite = await alone(world, site.place, () =>
      inSlot(world, site.place, () => runTester(world, site, tester)),
    );
    if (suite.ok) suites.push(suite.value);
    else failures.push(...suite.failures);
  }
  const { environment } = site.place;
  const tested = { stack: name, environment, suites, seconds: (performance.now() - started) / 1000 };
  return ok({ tested: [tested], failures: [...failedTests(tested), ...failures] });
}

/** Runs the tests that stand beside stacks, one stack after another; a stack without tests is answered with no suites. */
export async function testStacks(
  world: StackWorld,
  stacks: readonly string[],
  environments: readonly string[] = [],
): Promise<Result<StackTests>> {
  const files = await world.ports.workspace.files(world.call);
  if (!files.ok) return files;
  const tested: StackTested[] = [];
  const failures: Failure[] = [];
  for (const name of stacks) {
    const one = await testStack(world, name, { environments, files: files.value });
    if (one.ok) tested.push(...one.value.tested);
    failures.push(...(one.ok ? one.value.failures : one.failures));
    if (failures.some(({ code }) => code === 'cancelled')) return fail({ code: 'cancelled' });
  }
  return ok({ tested, failures });
}
