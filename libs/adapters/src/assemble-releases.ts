import {
  fail,
  ok,
  type Artifact,
  type Call,
  type History,
  type ImageStore,
  type Ports,
  type Result,
  type Run,
  type Settings,
} from '@goldenthread/core';
import type { Parts } from './parts.ts';
import { CLOUDS, RELEASES } from './registry.ts';
import { readSettings } from './settings.ts';

type ReleasePorts = Pick<
  Ports,
  'history' | 'settings' | 'store' | 'homes' | 'ledger' | 'attester' | 'sbom' | 'sweep' | 'run'
>;

/** Makes something once, however often it is asked for; what failed is tried again. */
function once<T>(make: () => Promise<Result<T>>): () => Promise<Result<T>> {
  let made: Promise<Result<T>> | null = null;
  return async () => {
    made ??= make();
    const result = await made;
    if (!result.ok) made = null;
    return result;
  };
}

/** The clouds that the builder of an artifact made images in. */
const cloudsOf = (parts: Parts, { external }: Artifact): Promise<readonly ImageStore[]> =>
  Promise.all(
    Object.entries(CLOUDS)
      .filter(([prefix]) => external.some(({ builder }) => builder.startsWith(prefix)))
      .map(async ([, load]) => (await load())(parts)),
  );

/** A history that is made when it is first asked: which remote it speaks to is in the settings. */
function lazyHistory(make: () => Promise<Result<History>>): History {
  const using = async <T>(work: (history: History) => Promise<Result<T>>): Promise<Result<T>> => {
    const history = await make();
    return history.ok ? work(history.value) : fail(...history.failures);
  };
  return {
    commits: (since, call) => using((history) => history.commits(since, call)),
    isBehind: (commit, call) => using((history) => history.isBehind(commit, call)),
    ahead: (call) => using((history) => history.ahead(call)),
    tag: (name, call) => using((history) => history.tag(name, call)),
    setTag: (tag, call) => using((history) => history.setTag(tag, call)),
  };
}

/** What releases need. All of it is loaded when a command asks for it, as most commands never do. */
export function assembleReleases(parts: Parts): ReleasePorts {
  const settings = once(() => readSettings(parts.root));
  const made = <T>(load: (settings: Settings) => Promise<T>): (() => Promise<Result<T>>) =>
    once(async () => {
      const read = await settings();
      return read.ok ? ok(await load(read.value)) : read;
    });
  const store = made(async (read) => (await RELEASES.store())(parts, read));
  let known: Run | null = null;
  const run = async (call: Call): Promise<Result<Run>> => {
    const found: Result<Run> = known ? ok(known) : await (await RELEASES.run())(parts.root, call);
    if (found.ok) known = found.value;
    return found;
  };
  return {
    settings,
    store,
    history: lazyHistory(made(async (read) => (await RELEASES.history())(parts, read))),
    ledger: once(async () => {
      const [read, who] = [
        await settings(),
        await run({ signal: new AbortController().signal, emit: () => undefined }),
      ];
      if (!read.ok) return read;
      return who.ok ? ok((await RELEASES.ledger())(parts, read.value, who.value)) : who;
    }),
    attester: made(async (read) => (await RELEASES.attester())(parts, read)),
    homes: async (artifact) => {
      const own = await store();
      return own.ok ? ok([own.value, ...(await cloudsOf(parts, artifact))]) : own;
    },
    sbom: async (artifact, call) => (await RELEASES.sbom())(parts)(artifact, call),
    sweep: async (options, call) => (await RELEASES.sweep())(parts)(options, call),
    run,
  };
}
