import { fail, ok, sortFindings, type Failure, type Finding, type Result } from '@goldenthread/core';
import { declaredOrder, declaredSites } from '../stack/declared.ts';
import { alone, engineOf, inSlot, type Site, type StackWorld } from '../stack/world.ts';

/** What became of one stack in whose sources nothing is wrong. */
export interface Validated {
  readonly stack: string;
  readonly engine: string;
  readonly environments: readonly string[];
  /** Warnings: said, but no failure. */
  readonly findings: readonly Finding[];
  readonly seconds: number;
}

async function validateSite(world: StackWorld, site: Site): Promise<Result<readonly Finding[]>> {
  const { ports, call } = world;
  const engine = await engineOf(world, site.stack);
  if (!engine.ok) return engine;
  const tools = await ports.tools.versions(engine.value.tools(site.stack), call);
  if (!tools.ok) return tools;
  const { stack, environment } = site.place;
  const step = `validate in ${environment}`;
  const started = performance.now();
  call.emit({ type: 'step', project: stack, step, state: 'started' });
  const found = await engine.value.validate(declaredOrder(world, site), call);
  const bad = !found.ok || found.value.some(({ level }) => level === 'error');
  const seconds = (performance.now() - started) / 1000;
  call.emit({ type: 'step', project: stack, step, state: bad ? 'failed' : 'done', seconds });
  return found;
}

/** What is wrong with a stack in several environments is said once. */
async function validateStack(
  world: StackWorld,
  name: string,
  environments: readonly string[],
): Promise<Result<Validated>> {
  const started = performance.now();
  const sites = declaredSites(world, name, environments);
  if (!sites.ok) return sites;
  const found: Finding[] = [];
  const failures: Failure[] = [];
  // One after another: they are the same files.
  for (const site of sites.value) {
    const one = await alone(world, site.place, () =>
      inSlot(world, site.place, () => validateSite(world, site)),
    );
    if (one.ok) found.push(...one.value);
    else failures.push(...one.failures);
  }
  const findings = sortFindings(found);
  if (findings.some(({ level }) => level === 'error'))
    failures.unshift({ code: 'lint-failed', project: name, findings });
  if (failures.length > 0) return fail(...distinct(failures));
  return ok({
    stack: name,
    engine: sites.value[0]?.stack.engine ?? '',
    environments: sites.value.map(({ place }) => place.environment),
    findings,
    seconds: (performance.now() - started) / 1000,
  });
}

/** A tool that is missing is missing in every environment. */
const distinct = (failures: readonly Failure[]): readonly Failure[] => [
  ...new Map(failures.map((failure) => [JSON.stringify(failure), failure])).values(),
];

/**
 * Has engines look at the sources of stacks, in each of their environments or in those that are named, without touching any
 * infrastructure; goes on after a failure, so that everything is said at once.
 */
export async function validate(
  world: StackWorld,
  stacks: readonly string[],
  environments: readonly string[] = [],
): Promise<Result<readonly Validated[]>> {
  const all = await Promise.all(stacks.map((name) => validateStack(world, name, environments)));
  const failures = distinct(all.flatMap((one) => (one.ok ? [] : one.failures)));
  const cancelled = failures.find(({ code }) => code === 'cancelled');
  if (cancelled) return fail(cancelled);
  return failures.length > 0 ? fail(...failures) : ok(all.flatMap((one) => (one.ok ? [one.value] : [])));
}
