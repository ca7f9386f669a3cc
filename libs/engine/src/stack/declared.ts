import {
  environmentsOf,
  fail,
  ok,
  type Failure,
  type Inputs,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { projectNamed } from '../load.ts';
import { orderOf } from './preview.ts';
import { environmentNamed, siteOf, type Site, type StackWorld } from './world.ts';

/** What a stack that no environment lists yet is looked at with. */
const NOWHERE = 'default';

/** The environments that list a stack, in the order of their stages, as far as they are asked for. */
function placesOf({ graph }: StackWorld, stack: string, asked: readonly string[]): Result<readonly string[]> {
  const listing = environmentsOf(graph).filter(({ stacks }) => stacks.includes(stack));
  const names = listing.map(({ name }) => name);
  if (asked.length === 0) return ok(names.length > 0 ? names : [NOWHERE]);
  const unknown = asked.flatMap((name): readonly Failure[] => {
    const found = environmentNamed(graph, name);
    return found.ok ? [] : found.failures;
  });
  if (unknown.length > 0) return fail(...unknown);
  const meant = names.filter((name) => asked.includes(name));
  if (meant.length > 0) return ok(meant);
  return fail({
    code: 'usage',
    detail: `the stack ${stack} is not in ${asked.join(' or ')}`,
    hint: 'List it under `stacks:` in the environment.yaml of the environment that it is for.',
  });
}

/** A stack in each of its environments, or in those of them that are asked for, as it is declared: without a look at the ledger. */
export function declaredSites(
  world: StackWorld,
  name: string,
  environments: readonly string[],
): Result<readonly Site[]> {
  const project = projectNamed(world.graph, name, 'stack');
  if (!project.ok) return project;
  const places = placesOf(world, name, environments);
  if (!places.ok) return places;
  const sites: Site[] = [];
  for (const environment of places.value) {
    const { graph, ports } = world;
    const site = siteOf({ graph, workspace: ports.workspace }, { stack: name, environment });
    if (!site.ok) return site;
    sites.push(site.value);
  }
  return ok(sites);
}

/** What an engine or a tester is told of a site when nothing is applied: the declared values of its variables alone. */
export function declaredOrder(world: StackWorld, site: Site): StackOrder {
  const inputs: Inputs = new Map(
    Object.entries(site.stack.variables).map(([name, value]) => [name, { value, from: 'declared' }]),
  );
  return orderOf(world, site, inputs);
}
