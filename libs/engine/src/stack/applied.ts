import {
  fail,
  ok,
  placeName,
  upstreamsOf,
  type Environment,
  type Outputs,
  type Place,
  type Preview,
  type Result,
  type StackRecord,
  type Tree,
} from '@goldenthread/core';
import { giveInputs, type ImageChoice } from '@goldenthread/core/stack';
import { loadGraph } from '../load.ts';
import {
  alone,
  engineOf,
  siteOf,
  type Site,
  type StackLedger,
  type StackWorld,
  recordOf,
  recordsBut,
} from './world.ts';
import { sourcesOf } from './sources.ts';
import { orderOf, ownerOf, type Draft } from './preview.ts';

/** A stack as it was applied: its declaration at that time, and what it was given. */
export interface Applied {
  readonly site: Site;
  readonly draft: Draft;
  /** The tree that it lies in, where that is not the work tree. */
  dispose(): Promise<void>;
}

type OutputsOf = (stack: string) => Outputs | null;

const placeOf = ({ stack, environment }: StackRecord): Place => ({ stack, environment });

const lost = (record: StackRecord, why: string): Result<never> =>
  fail({
    code: 'plan-deferred',
    ...placeOf(record),
    why: `what was applied there cannot be read any more: ${why}`,
  });

/** The site of a record in a tree, if that is what was applied. */
async function siteIn(
  world: StackWorld,
  tree: Pick<Tree, 'workspace' | 'facts'>,
  record: StackRecord,
): Promise<Result<Site>> {
  const graph = await loadGraph(tree, world.call);
  if (!graph.ok) return lost(record, 'the workspace of that commit is not valid');
  return siteOf({ graph: graph.value, workspace: tree.workspace }, placeOf(record));
}

async function olderSite(
  world: StackWorld,
  record: StackRecord,
): Promise<Result<{ site: Site; dispose: () => Promise<void> }>> {
  const { commit } = record;
  if (commit === null) return lost(record, 'it was applied without a commit');
  const tree = await world.ports.tree(commit.sha, world.call);
  if (!tree.ok)
    return lost(
      record,
      `this clone does not have the commit ${commit.sha.slice(0, 10)} (a shallow one gets it by \`git fetch --unshallow\`)`,
    );
  const site = await siteIn(world, tree.value, record);
  const sources = site.ok ? await sourcesOf(site.value, world) : site;
  if (site.ok && sources.ok && sources.value === record.sources)
    return ok({ site: site.value, dispose: () => tree.value.dispose() });
  await tree.value.dispose();
  if (!site.ok) return site;
  return sources.ok
    ? lost(record, `it was applied from files that the commit ${commit.sha.slice(0, 10)} does not have`)
    : sources;
}

/** The place of a record as it was applied: from the work tree where nothing has changed there since, from its commit otherwise. */
async function appliedSite(
  world: StackWorld,
  record: StackRecord,
): Promise<Result<{ site: Site; dispose: () => Promise<void> }>> {
  const here = siteOf({ graph: world.graph, workspace: world.ports.workspace }, placeOf(record));
  const sources = here.ok ? await sourcesOf(here.value, world) : here;
  if (here.ok && sources.ok && sources.value === record.sources)
    return ok({ site: here.value, dispose: async () => undefined });
  return olderSite(world, record);
}

// Several stacks may take outputs of one, and it may take some itself: within one look at the ledger each is asked once.
const known = new WeakMap<StackLedger, Map<string, Promise<Result<Outputs | null>>>>();

/** The outputs of a stack as they are; `plan-deferred` where it has not come to rest. */
function outputsAt(
  world: StackWorld,
  ledger: StackLedger,
  record: StackRecord,
): Promise<Result<Outputs | null>> {
  const asked = known.get(ledger) ?? new Map<string, Promise<Result<Outputs | null>>>();
  known.set(ledger, asked);
  const name = placeName(record);
  const found = asked.get(name) ?? alone(world, placeOf(record), () => askOutputs(world, ledger, record));
  asked.set(name, found);
  return found;
}

async function askOutputs(
  world: StackWorld,
  ledger: StackLedger,
  record: StackRecord,
): Promise<Result<Outputs | null>> {
  const applied = await appliedStack(world, ledger, record);
  if (!applied.ok) return applied;
  try {
    const engine = await engineOf(world, applied.value.site.stack);
    if (!engine.ok) return engine;
    return await engine.value.outputs(
      orderOf(world, applied.value.site, applied.value.draft.inputs),
      world.call,
    );
  } finally {
    await applied.value.dispose();
  }
}

/** Outputs of the stacks below a site, as they are now. Fails with `plan-deferred` where one of those that it stands on has not come to rest. */
export async function outputsBelow(
  world: StackWorld,
  ledger: StackLedger,
  site: Site,
): Promise<Result<OutputsOf>> {
  const found = new Map<string, Outputs | null>();
  for (const { stack } of upstreamsOf(site.graph, site.project)) {
    const record = recordOf(ledger, { ...site.place, stack });
    if (record && record.condition !== 'ready')
      return fail({
        code: 'plan-deferred',
        ...site.place,
        why: `${stack}, on which it stands, has not come to rest`,
      });
    if (!record || !site.stack.inputs.some((input) => input.stack === stack)) continue;
    const outputs = await outputsAt(world, ledger, record);
    if (!outputs.ok) return outputs;
    found.set(stack, outputs.value);
  }
  return ok((stack) => found.get(stack) ?? null);
}

const asRecorded =
  ({ images }: StackRecord) =>
  (image: string): ImageChoice | null => {
    const chosen = Object.hasOwn(images, image) ? images[image] : undefined;
    return chosen ? { ...chosen, from: `${image} ${chosen.version}, as it was applied` } : null;
  };

/** A stack as it was applied last, ready to be looked at or destroyed; to be disposed of. `plan-deferred` where that cannot be had any more. */
export async function appliedStack(
  world: StackWorld,
  ledger: StackLedger,
  record: StackRecord,
): Promise<Result<Applied>> {
  const at = await appliedSite(world, record);
  if (!at.ok) return at;
  const { site, dispose } = at.value;
  const outputs = await outputsBelow(world, ledger, site);
  const given = outputs.ok
    ? ok(giveInputs(site.stack, { image: asRecorded(record), outputs: outputs.value }))
    : outputs;
  if (given.ok && given.value.missing.length === 0) {
    const { inputs, images } = given.value;
    const commit: Preview['commit'] = record.commit;
    return ok({
      site,
      dispose,
      draft: {
        site,
        sources: record.sources,
        commit,
        inputs,
        images,
        record,
        others: recordsBut(ledger, record),
      },
    });
  }
  await dispose();
  return given.ok
    ? fail({ code: 'plan-deferred', ...placeOf(record), why: given.value.missing.join('; ') })
    : given;
}

/** Whether an environment allows to destroy what is no longer declared, and what to do where it does not. */
export function allowance(
  environment: Environment | null,
  { stack, environment: name }: Place,
): { readonly allowed: boolean; readonly hint: string } {
  if (environment === null)
    return {
      allowed: false,
      hint: `the environment ${name} is gone from the workspace, and its rules with it: bring its environment.yaml back, let it \`retire: [${stack}]\`, and delete it afterwards`,
    };
  return {
    allowed: environment.retire.includes(stack),
    hint: `it is destroyed only when ${environment.file} says \`retire: [${stack}]\`, or by \`goldenthread destroy ${stack} --environment ${name}\``,
  };
}

/** The stack by which the state of a record is managed now, under another name: to destroy the one would destroy the other. */
export const heirOf = (ledger: StackLedger, record: StackRecord): StackRecord | null =>
  ownerOf(recordsBut(ledger, record), record.state);
