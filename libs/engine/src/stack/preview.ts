import {
  fail,
  isSameState,
  ok,
  planDigest,
  Secret,
  canonical,
  stranger,
  type Aim,
  type Inputs,
  type Outputs,
  type Preview,
  type Previewed,
  type Result,
  type StackOrder,
  type StackRecord,
} from '@goldenthread/core';
import { engineOf, type Site, type StackWorld } from './world.ts';

/** A plan as data, with what carries it out. */
export interface Held {
  readonly plan: Preview;
  readonly previewed: Previewed;
}

/** What a plan is made from. */
export interface Draft {
  readonly site: Site;
  readonly sources: string;
  readonly commit: Preview['commit'];
  readonly inputs: Inputs;
  readonly images: Preview['images'];
  /** What was applied there last. */
  readonly record: StackRecord | null;
  /** What was applied everywhere else. */
  readonly others: readonly StackRecord[];
}

/** What an engine is told about a site. */
export const orderOf = (
  { ports }: StackWorld,
  { stack, place, workspace }: Site,
  inputs: Inputs,
): StackOrder => ({
  stack,
  environment: place.environment,
  root: workspace.root,
  home: ports.workspace.root,
  inputs,
});

const shownInputs = (inputs: Inputs): Preview['inputs'] =>
  Array.from(inputs, ([name, { value, from }]) => ({
    name,
    value: value instanceof Secret ? ({ is: 'sensitive' } as const) : ({ is: 'value', value } as const),
    from,
  }));

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** A slow hash over the secrets among values by name; null where there are none. */
function hiddenHash(slowHash: (text: string) => string, values: Outputs): string | null {
  const hidden = [...values]
    .toSorted(byName)
    .flatMap(([name, value]) => (value instanceof Secret ? [[name, value.reveal()]] : []));
  return hidden.length === 0 ? null : slowHash(canonical(hidden));
}

/** A hash over outputs, secret ones included: whoever takes them can tell that they are others. */
export function outputsDigest({ ports }: StackWorld, outputs: Outputs): string {
  const open = [...outputs].flatMap(([name, value]) =>
    value instanceof Secret ? [] : [[name, value] as const],
  );
  return ports.hash(canonical([Object.fromEntries(open), hiddenHash(ports.slowHash, outputs)]));
}

/** The record, of these, that manages this very state. */
export const ownerOf = (records: readonly StackRecord[], state: string | null): StackRecord | null =>
  records.find((one) => state !== null && one.state !== null && isSameState(one.state, state)) ?? null;

/** Why a state is another's: two places of one state would take away what the other makes. */
function taken(others: readonly StackRecord[], state: string | null): string | null {
  const owner = ownerOf(others, state);
  if (!owner) return null;
  const { stack, environment } = owner;
  return `its state is that of ${stack} in ${environment}; after a renaming, \`goldenthread destroy ${stack} --environment ${environment} --forget\` drops the old record`;
}

/** Has an engine say what it would do; the caller discards it. */
export async function previewSite(world: StackWorld, draft: Draft, aim: Aim): Promise<Result<Held>> {
  const { ports, call } = world;
  const { site, inputs, ...rest } = draft;
  const engine = await engineOf(world, site.stack);
  if (!engine.ok) return engine;
  const tools = await ports.tools.versions(engine.value.tools(site.stack), call);
  if (!tools.ok) return tools;
  const previewed = await engine.value.preview(orderOf(world, site, inputs), aim, call);
  if (!previewed.ok) return previewed;
  const { content } = previewed.value;
  const other =
    stranger(rest.record, { engine: engine.value.name, state: content.state }) ??
    taken(rest.others, content.state);
  if (other !== null) {
    await previewed.value.discard();
    return fail({ code: 'state-other', ...site.place, why: other });
  }
  const given = hiddenHash(ports.slowHash, new Map(Array.from(inputs, ([name, { value }]) => [name, value])));
  const secrets = given === null ? content.secrets : ports.hash(canonical([given, content.secrets]));
  const plan: Omit<Preview, 'digest'> = {
    ...content,
    secrets,
    schema: 1,
    ...site.place,
    engine: engine.value.name,
    aim,
    sources: rest.sources,
    commit: rest.commit,
    images: rest.images,
    inputs: shownInputs(inputs),
    base: rest.record === null ? null : `${rest.record.plan} ${rest.record.time}`,
    time: ports.now().toISOString(),
  };
  return ok({ plan: { ...plan, digest: planDigest(plan, ports.hash) }, previewed: previewed.value });
}
