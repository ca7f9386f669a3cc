import {
  ok,
  versionName,
  type Call,
  type LedgerEdit,
  type LedgerState,
  type Ports,
  type ReleaseRecord,
  type Result,
} from '@goldenthread/core';
import {
  ofVersion,
  retirements,
  shareFile,
  unwantedShares,
  withoutShares,
  withShares,
  type ReleaseStep,
  type Share,
} from '@goldenthread/core/release';
import { observe, type ReleaseSite, type ReleaseWorld } from './observe.ts';
import { caseOf } from './site.ts';
import { changeState } from './state.ts';
import { runSteps } from './steps.ts';

/** The file that says who is to have a release, where the ledger does not say it yet. */
export function intent(
  state: LedgerState,
  { image, version }: ReleaseRecord,
  site: Pick<ReleaseSite, 'wanted' | 'ports'>,
): readonly (readonly [string, string])[] {
  const more = site.wanted.map(({ name }): Share => ({ account: name, version }));
  const file = withShares(state, image, more);
  return file ? [shareFile(file, site.ports.hash)] : [];
}

/** Writes down who is to have a release, before anybody gets it. */
export const announce = (record: ReleaseRecord, site: ReleaseSite): Promise<Result<void>> =>
  changeState(site.ports, site.call, (state) => {
    const write = new Map(intent(state, record, site));
    const names = site.wanted.map(({ name }) => name).join(', ');
    const what = `share ${versionName(record)} with ${names}`;
    const message = { what, why: 'the declaration names them', nodes: [record.image], environments: [] };
    return ok({ edit: write.size > 0 ? { write, message } : null, value: undefined });
  });

/** Looks at one version that an account should not have any more; null where nothing can be said about it now, which is noted. */
async function look(
  world: ReleaseWorld,
  state: LedgerState,
  { account, version }: Share,
  record: ReleaseRecord,
): Promise<{ readonly one: Parameters<typeof runSteps>[0]; readonly steps: readonly ReleaseStep[] } | null> {
  const note = (why: string): null => {
    const text = `${account} may still have ${versionName(record)}: ${why}`;
    world.call.emit({ type: 'note', project: record.image, text });
    return null;
  };
  const one = await caseOf(world, record);
  if (!one.ok) return note('its content is not in the store any more');
  const known = one.value.known.filter(({ name }) => name === account);
  if (known.length === 0)
    return note('the settings do not name this account any more; name it until it is taken back');
  const seen = await observe({ ...one.value, wanted: [], known, asked: known }, state);
  if (!seen.ok) return note('it cannot be asked now');
  const own = retirements(seen.value).filter((step) => 'account' in step && step.account.name === account);
  return { one: one.value, steps: own.map((step) => ofVersion(step, version)) };
}

const forget = (ports: Ports, image: string, gone: readonly Share[], call: Call): Promise<Result<void>> =>
  changeState(ports, call, (state) => {
    const write: LedgerEdit['write'] = new Map([shareFile(withoutShares(state, image, gone), ports.hash)]);
    const what = `take back ${gone.map(({ account, version }) => `${image}@${version} from ${account}`).join(', ')}`;
    const message = {
      what,
      why: 'the declaration does not name them any more',
      nodes: [image],
      environments: [],
    };
    return ok({ edit: { write, message }, value: undefined });
  });

/**
 * Takes every version away from the accounts that are not declared any more, last of all. What cannot be seen now is left for
 * the next run, aloud: a release is not undone by an account that nobody wants.
 */
export async function withdraw(
  world: ReleaseWorld,
  state: LedgerState,
  image: string,
  { wanted, dryRun }: { readonly wanted: readonly string[]; readonly dryRun: boolean },
): Promise<Result<readonly ReleaseStep[]>> {
  const steps: ReleaseStep[] = [];
  const gone: Share[] = [];
  for (const share of unwantedShares(state, image, wanted)) {
    const record = state.releases.get(image)?.find(({ version }) => version === share.version);
    const found = record ? await look(world, state, share, record) : null;
    if (!found) continue;
    const done = dryRun ? ok(null) : await runSteps(found.one, found.steps);
    if (!done.ok) return done;
    steps.push(...found.steps);
    gone.push(share);
  }
  if (dryRun || gone.length === 0) return ok(steps);
  const forgotten = await forget(world.ports, image, gone, world.call);
  return forgotten.ok ? ok(steps) : forgotten;
}
