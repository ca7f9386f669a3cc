import {
  fail,
  near,
  ok,
  placesOf,
  reach,
  touchedBy,
  type Failure,
  type Graph,
  type PlanReport,
  type Reached,
  type Result,
} from '@goldenthread/core';
import { imageChoice, type ImageChoice } from '@goldenthread/core/stack';
import { planPlace, startPlanning } from '../stack/planning.ts';
import { environmentsOf } from '@goldenthread/core';
import { readLedger, type StackLedger, type StackWorld } from '../stack/world.ts';
import { bake } from './bake.ts';

/** What an image would be once the change is in: baked already, or not known before it is. */
export interface Candidate {
  readonly image: string;
  /** Null: it has to be baked first, so nobody knows its digest yet. */
  readonly digest: string | null;
  /** What its users have now, by environment; null where that is nothing. */
  readonly now: Readonly<Record<string, string | null>>;
}

/** What a change touches, through all tiers. */
export interface Impact {
  /** What was asked about, in words. */
  readonly of: string;
  readonly reached: readonly Reached[];
  readonly candidates: readonly Candidate[];
  /** What would become of each reached stack in each of its environments; empty where no plan was asked for. */
  readonly plans: readonly PlanReport[];
  readonly failures: readonly Failure[];
}

/** Projects that a word means: a project, a role by its short name, or a file. */
function meaning(
  { ports, graph }: StackWorld,
  word: string,
  files: readonly string[],
): Result<{ of: string; names: readonly string[] }> {
  const project = graph.projects.get(word) ?? graph.projects.get(`role-${word}`);
  if (project) return ok({ of: `the ${project.kind} ${project.name}`, names: [project.name] });
  const ofRole = Array.from(graph.projects.values()).filter(({ image }) => image?.role === word);
  if (ofRole.length > 0) return ok({ of: `the role ${word}`, names: ofRole.map(({ name }) => name) });
  const path = word.replace(/^\.\//, '').replace(/\/+$/, '');
  const below = (folder: string): readonly string[] => {
    const inside = files.filter((file) => file.startsWith(`${folder}/`));
    return inside.length > 0 ? inside : [folder];
  };
  if (
    files.includes(path) ||
    files.some((file) => file.startsWith(`${path}/`)) ||
    ports.workspace.read(path) !== null
  )
    return ok({ of: path, names: [...new Set(below(path).flatMap((file) => touchedBy(graph, file)))] });
  const names = Array.from(graph.projects.values(), (one) =>
    one.kind === 'role' ? one.name.slice('role-'.length) : one.name,
  );
  return fail({
    code: 'project-unknown',
    name: word,
    kind: 'image, role, other project or file',
    near: near(word, names),
  });
}

/** What the reached images are by now, without baking any. */
async function candidatesOf(
  world: StackWorld,
  ledger: StackLedger,
  images: readonly string[],
): Promise<readonly Candidate[]> {
  const now = (image: string): Candidate['now'] =>
    Object.fromEntries(
      environmentsOf(world.graph).map((environment) => {
        const choice = imageChoice(environment, image, ledger.images);
        return [environment.name, choice.ok ? (choice.value?.version ?? null) : null];
      }),
    );
  const found: Candidate[] = [];
  for (const image of images) {
    const done = await bake({ ...world, options: { dryRun: true } }, [image]);
    const artifact = done.ok ? done.value.find((one) => one.image === image)?.artifact : null;
    found.push({ image, digest: artifact?.digest ?? null, now: now(image) });
  }
  return found;
}

/** Versions that stacks are planned with: what was baked of the reached images. */
const candidateChoices = (candidates: readonly Candidate[]): ReadonlyMap<string, ImageChoice> =>
  new Map(
    candidates.flatMap(({ image, digest }) =>
      digest === null
        ? []
        : [[image, { version: 'next', digest, from: `${image}, as it is baked now` }] as const],
    ),
  );

const usesUnbaked = (graph: Graph, stack: string, candidates: readonly Candidate[]): readonly string[] =>
  (graph.projects.get(stack)?.stack?.images ?? [])
    .filter(({ image }) => candidates.some((one) => one.image === image && one.digest === null))
    .map(({ image }) => image);

/** The plans of the reached stacks, with the images as they would be. A stack fed by an image that nobody has baked yet is unknown. */
async function plansOf(
  world: StackWorld,
  ledger: StackLedger,
  stacks: ReadonlySet<string>,
  candidates: readonly Candidate[],
): Promise<Result<{ readonly plans: readonly PlanReport[]; readonly failures: readonly Failure[] }>> {
  const planning = startPlanning(world, ledger, {
    onlyPending: false,
    images: candidateChoices(candidates),
  });
  const planned = await Promise.all(
    placesOf(world.graph)
      .filter(({ stack }) => stacks.has(stack))
      .map(async (place) => {
        const unbaked = usesUnbaked(world.graph, place.stack, candidates);
        if (unbaked.length === 0) return planPlace(planning, place);
        const why = `its resources are known once ${unbaked.join(' and ')} is baked`;
        const report: PlanReport = {
          ...place,
          state: 'deferred',
          reasons: [why],
          plan: null,
          violations: [],
          removed: null,
        };
        return { report, failures: [] };
      }),
  );
  return ok({
    plans: planned.map(({ report }) => report),
    failures: planned.flatMap(({ failures }) => failures),
  });
}

/** Says what a change of an image, a role, any project or a file touches, down to the resources that would be replaced. Changes nothing. */
export async function impact(
  world: StackWorld,
  word: string,
  options: { readonly plan: boolean },
): Promise<Result<Impact>> {
  const files = await world.ports.workspace.files(world.call);
  if (!files.ok) return files;
  const meant = meaning(world, word, files.value);
  if (!meant.ok) return meant;
  const reached = reach(world.graph, meant.value.names);
  const ledger = await readLedger(world);
  if (!ledger.ok) return ledger;
  const named = (kind: Reached['kind']): readonly string[] =>
    reached.filter((one) => one.kind === kind).map(({ name }) => name);
  const candidates = await candidatesOf(world, ledger.value, named('image'));
  const plans = options.plan
    ? await plansOf(world, ledger.value, new Set(named('stack')), candidates)
    : ok({ plans: [], failures: [] });
  return plans.ok ? ok({ of: meant.value.of, reached, candidates, ...plans.value }) : plans;
}
