import {
  ATTACHMENTS,
  canonical,
  fail,
  ok,
  rewritten,
  UNMOVED,
  type Access,
  type Account,
  type Artifact,
  type ArtifactStore,
  type Attachment,
  type Attester,
  type Commit,
  type Evidence,
  type History,
  type Json,
  type Ledger,
  type LedgerEntry,
  type Tag,
} from '@goldenthread/core';
import { sha256 } from './memory-sources.ts';

/** What is kept beyond the machine that bakes, in memory; specs steer it and look into it. */
export interface MemoryReleases {
  /** The ledger's files as they are now. */
  readonly ledger: Map<string, string>;
  readonly entries: LedgerEntry[];
  readonly commits: Commit[];
  /** Commits that came after HEAD. */
  readonly newer: Set<string>;
  /** Commits of the default branch that HEAD lacks; null where HEAD is not on it. */
  ahead: readonly Commit[] | null;
  readonly tags: Map<string, Tag>;
  /** Put artifacts by `image fingerprint`. */
  readonly staged: Map<string, { artifact: Artifact; evidence: readonly Evidence[] }>;
  /** Everything that was ever put, by digest: what has a version stays although staging forgets it. */
  readonly kept: Map<string, { artifact: Artifact; evidence: readonly Evidence[] }>;
  /** Digest by `image@version`. */
  readonly labels: Map<string, string>;
  /** `account image@version` to what is there. */
  readonly shares: Map<string, string>;
  /** Attachments by artifact digest. */
  readonly attachments: Map<string, Attachment[]>;
  /** Signatures by anyone else are not trusted. */
  key: string;
}

/** Nothing released yet. */
export const memoryReleases = (): MemoryReleases => ({
  ledger: new Map(),
  entries: [],
  commits: [],
  newer: new Set(),
  ahead: [],
  tags: new Map(),
  staged: new Map(),
  kept: new Map(),
  labels: new Map(),
  shares: new Map(),
  attachments: new Map(),
  key: 'memory',
});

/** A ledger that nobody else writes. */
export function memoryLedger(world: MemoryReleases): Ledger {
  const below = (paths: readonly string[]): Map<string, string> =>
    new Map(
      [...world.ledger].filter(([path]) => paths.some((one) => path === one || path.startsWith(`${one}/`))),
    );
  const revision = (): string | null => world.entries.at(-1)?.revision ?? null;
  return {
    name: 'memory',
    read: async (paths) => ok({ revision: revision(), files: below(paths) }),
    async commit(paths, edit) {
      const decided = edit({ revision: revision(), files: below(paths) });
      if (!decided.ok) return decided;
      if (decided.value === null) return ok({ revision: revision(), files: below(paths) });
      const { write, message } = decided.value;
      if (rewritten(world.ledger, write).length > 0) throw new Error('a record was written twice');
      for (const [path, text] of write) {
        if (text === null) world.ledger.delete(path);
        else world.ledger.set(path, text);
      }
      const time = new Date(Date.UTC(2026, 0, 2) + world.entries.length * 1000).toISOString();
      const next = sha256(`${revision()}${canonical([...write] as Json)}`).slice(7, 47);
      world.entries.push({ ...message, revision: next, time, by: 'memory', run: 'memory' });
      return ok({ revision: next, files: below(paths) });
    },
    log: async ({ node, limit = Infinity }) =>
      ok(
        world.entries
          .toReversed()
          .filter((entry) => node === undefined || entry.nodes.includes(node))
          .slice(0, limit),
      ),
  };
}

/** Commits and tags of the world. */
export const memoryHistory = (world: MemoryReleases): History => ({
  async commits(since) {
    const end = since === null ? -1 : world.commits.findIndex((commit) => commit.sha === since);
    return ok(end === -1 ? world.commits : world.commits.slice(0, end));
  },
  isBehind: async (commit) => ok(world.newer.has(commit)),
  ahead: async () => ok(world.ahead),
  tag: async (name) => ok(world.tags.get(name) ?? null),
  async setTag(tag) {
    const there = world.tags.get(tag.name);
    if (there && there.commit !== tag.commit)
      return fail({
        code: 'version-taken',
        version: tag.name,
        where: 'git',
        expected: tag.commit,
        found: there.commit,
      });
    world.tags.set(tag.name, there ?? tag);
    return ok(undefined);
  },
});

const shareKey = (account: Account, image: string, version: string): string =>
  `${account.name} ${image}@${version}`;

/** What is kept beside artifacts. */
function documents(world: MemoryReleases): Pick<ArtifactStore, 'revoke' | 'attach' | 'attachments'> {
  return {
    revoke: async ({ artifact }, reason) => {
      world.attachments.set(artifact.digest, [
        ...(world.attachments.get(artifact.digest) ?? []),
        { type: ATTACHMENTS.revocation, text: JSON.stringify({ reason }) },
      ]);
      return ok(undefined);
    },
    async attach(artifact, attachment) {
      const there = world.attachments.get(artifact.digest) ?? [];
      if (!there.some(({ text }) => text === attachment.text))
        world.attachments.set(artifact.digest, [...there, attachment]);
      return ok(undefined);
    },
    attachments: async (artifact) => ok(world.attachments.get(artifact.digest) ?? []),
  };
}

/** A store in memory; every kind of account is served. */
export function memoryStore(world: MemoryReleases): ArtifactStore {
  const staged: ArtifactStore['staged'] = async (image, fingerprint) =>
    ok(world.staged.get(`${image} ${fingerprint}`) ?? null);
  return {
    name: 'memory',
    serves: ['oci', 'directory', 'aws', 'azure', 'google'],
    staged,
    find: async (image, fingerprint) =>
      ok(world.staged.get(`${image} ${fingerprint}`)?.artifact.digest ?? null),
    async put(artifact, evidence) {
      if (!evidence.some((one) => one.artifact === artifact.digest && one.passed))
        return fail({
          code: 'evidence-missing',
          image: artifact.image,
          artifact: artifact.digest,
          why: 'none',
        });
      const known = world.staged.get(`${artifact.image} ${artifact.fingerprint}`);
      // Baked once: the first put of a fingerprint wins.
      if (known && known.artifact.digest !== artifact.digest) return ok(UNMOVED);
      world.staged.set(`${artifact.image} ${artifact.fingerprint}`, { artifact, evidence });
      world.kept.set(artifact.digest, { artifact, evidence });
      return ok(UNMOVED);
    },
    async label({ artifact, version }) {
      const name = `${artifact.image}@${version}`;
      const found = world.labels.get(name) ?? artifact.digest;
      if (found !== artifact.digest)
        return fail({
          code: 'version-taken',
          version: name,
          where: 'memory',
          expected: artifact.digest,
          found,
        });
      world.labels.set(name, found);
      return ok(undefined);
    },
    labelled: async (image, version) => ok(world.labels.get(`${image}@${version}`) ?? null),
    access: async ({ artifact, version }, accounts) =>
      ok(
        accounts.map((account): Access => {
          const there = world.shares.get(shareKey(account, artifact.image, version));
          if (there === undefined) return { account, state: 'missing', detail: 'nothing there' };
          return there === artifact.digest
            ? { account, state: 'ready', detail: there }
            : { account, state: 'other', detail: there };
        }),
      ),
    async share({ artifact, version }, account) {
      world.shares.set(shareKey(account, artifact.image, version), artifact.digest);
      return ok(UNMOVED);
    },
    unshare: async ({ artifact, version }, account) =>
      ok(void world.shares.delete(shareKey(account, artifact.image, version))),
    remove: async (artifact) => ok(void world.staged.delete(`${artifact.image} ${artifact.fingerprint}`)),
    released: async (image, version) => {
      const digest = world.labels.get(`${image}@${version}`);
      return ok(
        [...world.kept.values()].find(
          ({ artifact }) => artifact.image === image && artifact.digest === digest,
        ) ?? null,
      );
    },
    fetch: async () => ok(UNMOVED),
    ...documents(world),
  };
}

/** Signs by writing the key's name beside the statement. */
export const memoryAttester = (world: MemoryReleases): Attester => ({
  sign: async (statement) => ok(canonical({ key: world.key, statement })),
  async check(bundle) {
    const { key, statement } = JSON.parse(bundle) as { key: string; statement: Json };
    if (key !== 'memory')
      return fail({ code: 'untrusted', what: 'an attestation', why: `it is signed by ${key}` });
    return ok({ statement, key });
  },
});
