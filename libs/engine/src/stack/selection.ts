import {
  affected,
  fail,
  ok,
  placeName,
  placesOf,
  type Place,
  type Result,
  type StackRecord,
} from '@goldenthread/core';
import { projectNamed } from '../load.ts';
import type { StackLedger, StackWorld } from './world.ts';

/** Which places are meant; what is not said does not narrow. */
export interface Selection {
  readonly stacks: readonly string[];
  readonly environments: readonly string[];
  /** Only where something has changed since it was applied. */
  readonly pending: boolean;
  /** Only stacks that changes since this revision affect. */
  readonly since: { readonly base: string; readonly head: string | null } | null;
}

/** The places that a selection means. */
export interface Selected {
  /** Declared, in order. */
  readonly places: readonly Place[];
  /** Applied, and declared no more. */
  readonly gone: readonly StackRecord[];
}

const isNamed = ({ stacks, environments }: Selection, { stack, environment }: Place): boolean =>
  (stacks.length === 0 || stacks.includes(stack)) &&
  (environments.length === 0 || environments.includes(environment));

/** Names that are neither declared nor left over from what was applied. */
function unknownNames(
  { graph }: StackWorld,
  { stacks, environments }: Selection,
  gone: readonly StackRecord[],
): Result<void> {
  const left = new Set(
    gone.flatMap(({ stack, environment }) => [`stack ${stack}`, `environment ${environment}`]),
  );
  const asked = [
    ...stacks.map((name) => ({ kind: 'stack' as const, name })),
    ...environments.map((name) => ({ kind: 'environment' as const, name })),
  ];
  const failures = asked
    .filter(({ kind, name }) => !left.has(`${kind} ${name}`))
    .map(({ kind, name }) => projectNamed(graph, name, kind))
    .flatMap((found) => (found.ok ? [] : found.failures));
  return failures.length > 0 ? fail(...failures) : ok(undefined);
}

/** A stack that was named and is nowhere among what is meant. */
function nowhere({ stacks, environments }: Selection, { places, gone }: Selected): Result<void> {
  const lost = stacks.find((name) => ![...places, ...gone].some(({ stack }) => stack === name));
  if (lost === undefined) return ok(undefined);
  const where = environments.length > 0 ? `in ${environments.join(' or ')}` : 'in any environment';
  return fail({
    code: 'usage',
    detail: `the stack ${lost} is not ${where}`,
    hint: 'List it under `stacks:` in the environment.yaml of the environment that it is for.',
  });
}

/** The places that are meant; fails for a name that is none, and for a stack that no such environment lists. */
export async function select(
  world: StackWorld,
  { records }: StackLedger,
  selection: Selection,
): Promise<Result<Selected>> {
  const { ports, graph, call } = world;
  const declared = placesOf(graph);
  const names = new Set(declared.map(placeName));
  const left = records.filter((record) => !names.has(placeName(record)));
  const known = unknownNames(world, selection, left);
  if (!known.ok) return known;
  const named: Selected = {
    places: declared.filter((place) => isNamed(selection, place)),
    gone: left.filter((record) => isNamed(selection, record)),
  };
  const somewhere = nowhere(selection, named);
  if (!somewhere.ok) return somewhere;
  if (!selection.since) return ok(named);
  const { base, head } = selection.since;
  const changed = await ports.workspace.changed(base, head, call);
  if (!changed.ok) return changed;
  const touched = affected(graph, changed.value);
  return ok({ ...named, places: named.places.filter(({ stack }) => touched.has(stack)) });
}
