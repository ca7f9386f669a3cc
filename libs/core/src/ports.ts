import type { Access, Account, AccountKind, Moved } from './account.ts';
import type { Artifact, Evidence, Suite } from './artifact.ts';
import type { Attachment } from './attest/attachment.ts';
import type { BakeOrder, Built } from './bake/order.ts';
import type { Json } from './canonical.ts';
import type { ImageTest } from './declaration/image.ts';
import type { Image } from './declaration/used.ts';
import type { Event } from './event.ts';
import type { FactRequest, Facts } from './graph/facts.ts';
import type { LedgerEdit, LedgerEntry, LedgerFilter, LedgerSnapshot, Run } from './ledger/ledger.ts';
import type { Finding } from './lint.ts';
import type { Commit, Tag } from './release/commit.ts';
import type { Result } from './result.ts';
import type { Settings } from './settings.ts';
import type { InfraEngine, PolicyChecker, StackTester } from './stack/engine.ts';

/** Always the last argument of a port: how to stop it, and where it says what happens. */
export interface Call {
  readonly signal: AbortSignal;
  readonly emit: (event: Event) => void;
}

/** A program that an adapter needs. */
export interface Tool {
  /** The program's name on PATH. */
  readonly name: string;
  /** What it is needed for, completing "it is needed for …". */
  readonly purpose: string;
  /** Arguments that make it print its version. */
  readonly version: readonly string[];
  /** How to get it, as a sentence. */
  readonly install: string;
  /** The Debian package that brings it. */
  readonly debian?: string;
}

/** A tool as found on this machine. */
export interface FoundTool {
  readonly tool: Tool;
  /** Absolute path, or null where it is missing. */
  readonly path: string | null;
  readonly version: string | null;
}

/** Finds programs and their versions; versions are remembered until the program changes. */
export interface Tools {
  find(tool: Tool, call: Call): Promise<FoundTool>;
  /** The versions of all of them by name, or `tool-missing` for each that is not there. */
  versions(tools: readonly Tool[], call: Call): Promise<Result<Readonly<Record<string, string>>>>;
}

/** A file that counts: its path, relative to the workspace root, and the hash of content and mode. */
export interface HashedFile {
  readonly path: string;
  readonly digest: string;
}

/** The workspace as git knows it: tracked files, and new ones that are not ignored. */
export interface Workspace {
  /** Absolute path of the root. */
  readonly root: string;
  /** Every file's path, relative to the root, sorted. */
  files(call: Call): Promise<Result<readonly string[]>>;
  /** Files at or below these paths, hashed, sorted by path. */
  hashes(paths: readonly string[], call: Call): Promise<Result<readonly HashedFile[]>>;
  /** Files that differ between two revisions; without `head`, between `base` and the work tree. */
  changed(base: string, head: string | null, call: Call): Promise<Result<readonly string[]>>;
  /** The text of a file, null where there is none (or it is no file of the workspace). */
  read(path: string): string | null;
  commit(call: Call): Promise<Result<{ readonly sha: string; readonly dirty: boolean } | null>>;
}

/** The workspace as an older commit has it, in a folder of its own until it is disposed of. */
export interface Tree {
  readonly workspace: Workspace;
  readonly facts: FactSource;
  dispose(): Promise<void>;
}

/** Reads source files and says what they refer to; remembers what has not changed. */
export interface FactSource {
  load(requests: readonly FactRequest[]): Promise<readonly Facts[]>;
}

/** Locks that end with their process, however it ends. */
export interface Locks {
  /** Waits until nobody else holds `name` (saying so by an event for `project`), then holds it. */
  hold(name: string, project: string, call: Call): Promise<Result<() => Promise<void>>>;
  /** Waits for one of as many slots as there are cores. */
  slot(project: string, call: Call): Promise<Result<() => Promise<void>>>;
}

/** Bakes images: image and base in, content in the blob store out. */
export interface ImageBuilder {
  readonly name: string;
  /** Distinguishes ways of working that give other results, such as the back end; part of the fingerprint. */
  variant(image: Image, call: Call): Promise<Result<string>>;
  tools(image: Image, variant: string): readonly Tool[];
  build(order: BakeOrder, call: Call): Promise<Result<Built>>;
}

/** A machine that stands on an artifact, and how to run things inside it and beside it. */
export interface Machine {
  /** How Ansible and Testinfra reach it. */
  readonly connection:
    | { readonly kind: 'chroot'; readonly folder: string }
    | { readonly kind: 'docker'; readonly container: string };
  /** Put before an argv to run a program of the host where the machine's files can be seen. */
  readonly beside: readonly string[];
  /** Put before an argv to run a program of the image inside the machine. */
  readonly inside: readonly string[];
  /** What a person pastes to look around in a kept machine, and how to end it. */
  readonly enter: string;
  stop(): Promise<void>;
}

/** How a machine is started: with or without its init system, and whether it is to outlive this process. */
export interface MachineOptions {
  readonly on: ImageTest['on'];
  readonly keep: boolean;
}

/** Starts machines on artifacts. */
export interface MachineHost {
  readonly name: string;
  readonly tools: readonly Tool[];
  /** Fails with the reason where it cannot start such machines here. */
  supported(on: ImageTest['on'], call: Call): Promise<Result<void>>;
  start(artifact: Artifact, options: MachineOptions, call: Call): Promise<Result<Machine>>;
}

/** Tests to run: a file or folder of the workspace. */
export interface Check {
  readonly verifier: string;
  /** Path relative to the workspace root. */
  readonly path: string;
  readonly on: ImageTest['on'];
  /** Seconds. */
  readonly timeout: number;
}

/** Runs one kind of tests on a machine. Failed tests are a suite with failed cases, not a failure. */
export interface ImageVerifier {
  readonly name: string;
  readonly tools: readonly Tool[];
  verify(machine: Machine, check: Check, image: string, call: Call): Promise<Result<Suite>>;
}

/** What this machine knows of what it baked and tested. */
export interface Records {
  /** The artifact baked for this fingerprint, if its content is whole. */
  find(image: string, fingerprint: string): Promise<Result<Artifact | null>>;
  put(artifact: Artifact): Promise<Result<void>>;
  /** The newest evidence for this pair of artifact and tests. */
  evidence(artifact: string, tests: string): Promise<Result<Evidence | null>>;
  prove(evidence: Evidence): Promise<Result<void>>;
  /** All evidence for an artifact, the newest last. */
  evidenceOf(artifact: string): Promise<Result<readonly Evidence[]>>;
}

/** A version of an image and the artifact it names. */
export interface Release {
  readonly version: string;
  readonly artifact: Artifact;
}

/**
 * Keeps images beyond the machine that baked them, and gives accounts access: a folder, a registry, a cloud. Every method can
 * be called again, and then does only what is missing.
 */
export interface ImageStore {
  /** In words, for messages. */
  readonly name: string;
  /** The kinds of accounts that it can share with. */
  readonly serves: readonly AccountKind[];
  /** The digest of the artifact that was put for this fingerprint; null where there is none, or not all of it. */
  find(image: string, fingerprint: string, call: Call): Promise<Result<string | null>>;
  /** Takes an artifact. Fails with `evidence-missing` without evidence that this very artifact passed its tests. */
  put(artifact: Artifact, evidence: readonly Evidence[], call: Call): Promise<Result<Moved>>;
  /** Gives an artifact its version, for ever: `version-taken` where the version names another. */
  label(release: Release, call: Call): Promise<Result<void>>;
  /** The digest that a version names; null where it names none. */
  labelled(image: string, version: string, call: Call): Promise<Result<string | null>>;
  /** What each of these accounts has of a release, and who else has access where the store can list them. */
  access(release: Release, accounts: readonly Account[], call: Call): Promise<Result<readonly Access[]>>;
  share(release: Release, account: Account, call: Call): Promise<Result<Moved>>;
  /** Takes the release away from an account; never what somebody else put there. */
  unshare(release: Release, account: Account, call: Call): Promise<Result<void>>;
  /** Marks a release where it lies, for those who look there and not in the ledger. */
  revoke(release: Release, reason: string, call: Call): Promise<Result<void>>;
  /** Removes an artifact and its versions. */
  remove(artifact: Artifact, call: Call): Promise<Result<void>>;
}

/** A store of OCI content: it also keeps records and documents, and gives the content back. */
export interface ArtifactStore extends ImageStore {
  /** The record of the artifact that was put for this fingerprint, with its evidence. */
  staged(
    image: string,
    fingerprint: string,
    call: Call,
  ): Promise<Result<{ readonly artifact: Artifact; readonly evidence: readonly Evidence[] } | null>>;
  /** The same of the artifact that a version names, whether or not it is still staged. */
  released(
    image: string,
    version: string,
    call: Call,
  ): Promise<Result<{ readonly artifact: Artifact; readonly evidence: readonly Evidence[] } | null>>;
  /** Brings an artifact's content into the blobs of this machine, checked against its digests. */
  fetch(artifact: Artifact, call: Call): Promise<Result<Moved>>;
  /** Keeps a document beside an artifact. The same document twice is one. */
  attach(artifact: Artifact, attachment: Attachment, call: Call): Promise<Result<void>>;
  attachments(artifact: Artifact, call: Call): Promise<Result<readonly Attachment[]>>;
}

/** Desired state and records in a branch of git, of which no work tree is needed or touched. */
export interface Ledger {
  /** Branch and remote, for messages. */
  readonly name: string;
  /** Files at or below these paths, all of one revision, as the remote has it now (`cached`: as it was last seen). */
  read(
    paths: readonly string[],
    call: Call,
    options?: { readonly cached?: boolean },
  ): Promise<Result<LedgerSnapshot>>;
  /**
   * Changes it: `edit` decides on a snapshot of `paths`, and again on a newer one where somebody was faster. An edit of null
   * changes nothing. Fails with `ledger-contended` when too many were faster, and never half.
   */
  commit(
    paths: readonly string[],
    edit: (snapshot: LedgerSnapshot) => Result<LedgerEdit | null>,
    call: Call,
  ): Promise<Result<LedgerSnapshot>>;
  /** The audit trail, newest first. */
  log(filter: LedgerFilter, call: Call): Promise<Result<readonly LedgerEntry[]>>;
}

/** The workspace's commits and tags. */
export interface History {
  /** Commits after `since` up to HEAD, newest first; all of them where `since` is null. Fetches what a shallow clone lacks. */
  commits(since: string | null, call: Call): Promise<Result<readonly Commit[]>>;
  /** Whether HEAD is older than this commit: the commit is known, and comes after HEAD. Fetches what a shallow clone lacks. */
  isBehind(commit: string, call: Call): Promise<Result<boolean>>;
  /**
   * Commits of the remote's default branch that HEAD does not have, newest first; null where HEAD is not on that branch. Without
   * a remote there are none.
   */
  ahead(call: Call): Promise<Result<readonly Commit[] | null>>;
  /** An annotated tag, as the remote has it (without a remote: as it is here). */
  tag(name: string, call: Call): Promise<Result<Tag | null>>;
  /** Sets a tag and pushes it; `version-taken` where it names another commit. */
  setTag(tag: Tag, call: Call): Promise<Result<void>>;
}

/** Signs statements about artifacts, and says who signed one. */
export interface Attester {
  /** A Sigstore bundle with this in-toto statement in a DSSE envelope, as JSON text. */
  sign(statement: Json, call: Call): Promise<Result<string>>;
  /** The statement in a bundle and the key that signed it; `untrusted` where that is none of the trusted. */
  check(bundle: string, call: Call): Promise<Result<{ readonly statement: Json; readonly key: string }>>;
}

/** What may be removed from this machine's own folder. */
export interface SweepOptions {
  /** Digests of artifacts that stay. */
  readonly keep: ReadonlySet<string>;
  /** Records older than this many days, of artifacts that need not stay, go first. */
  readonly days: number;
  readonly dryRun: boolean;
}

/** What a sweep removed, or would remove. */
export interface Swept {
  readonly records: number;
  readonly blobs: number;
  /** Unpacked layers, logs and other caches. */
  readonly others: number;
  readonly bytes: number;
}

/** Content by digest, in an OCI layout. */
export interface Blobs {
  /** Absolute path of the blob, whether or not it is there. */
  path(digest: string): string;
  has(digest: string): Promise<boolean>;
  /** Writes a stream; answers its digest and size. Nothing half-written ever has a digest's name. */
  write(
    content: AsyncIterable<Uint8Array>,
    call: Call,
  ): Promise<Result<{ readonly digest: string; readonly size: number }>>;
  /** Writes configuration and manifest for these layers; answers the manifest's digest and the size of all. */
  image(
    layers: readonly Artifact['layers'][number][],
    config: Image['config'],
    call: Call,
  ): Promise<Result<{ readonly digest: string; readonly size: number }>>;
  /** The same with a whole OCI image configuration, whose `rootfs` names these layers. */
  imageOf(
    layers: readonly Artifact['layers'][number][],
    config: Json,
    call: Call,
  ): Promise<Result<{ readonly digest: string; readonly size: number }>>;
}

/** What a linter reads; paths are relative to the workspace root. */
export interface LintTarget {
  /** The project that is linted. */
  readonly project: string;
  /** Its folder: what is found elsewhere is another project's business. */
  readonly root: string;
  /** What declares it: findings without a place are about that. */
  readonly file: string;
  /** Files and folders to read: playbooks, templates, role folders or YAML, as the linter's name says. */
  readonly files: readonly string[];
  /** Names of roles to read as Ansible finds them. */
  readonly roles: readonly string[];
  /** Folders in which Ansible looks for roles. */
  readonly rolePaths: readonly string[];
}

/** Reads sources without running them. Findings are an answer, not a failure. */
export interface Linter {
  readonly name: string;
  readonly tools: readonly Tool[];
  /** Where its tools are missing it is left out, aloud; a linter that is needed fails with `tool-missing`. */
  readonly optional: boolean;
  lint(target: LintTarget, call: Call): Promise<Result<readonly Finding[]>>;
}

/** Records that a run leaves in the workspace for CI to collect, and to hand to a later run. */
export interface Reports {
  /** Writes `.goldenthread/<project>/<file>`, which git ignores. */
  write(project: string, file: string, record: object): Promise<Result<void>>;
}

/** Everything a command may touch. */
export interface Ports {
  readonly workspace: Workspace;
  readonly facts: FactSource;
  readonly tools: Tools;
  readonly locks: Locks;
  readonly records: Records;
  readonly reports: Reports;
  readonly history: History;
  /** The workspace at a commit that this clone has. */
  tree(commit: string, call: Call): Promise<Result<Tree>>;
  /** Fails where .goldenthread.yaml is not what it should be, and only where it is needed. */
  settings(): Promise<Result<Settings>>;
  /** Where artifacts are published. */
  store(): Promise<Result<ArtifactStore>>;
  /** The stores that hold an artifact: that of its OCI content, and the clouds that its builder made images in. */
  homes(artifact: Artifact): Promise<Result<readonly ImageStore[]>>;
  ledger(): Promise<Result<Ledger>>;
  attester(): Promise<Result<Attester>>;
  /** The packages of an artifact's root file system, as CycloneDX JSON; its content must be on this machine. */
  sbom(artifact: Artifact, call: Call): Promise<Result<string>>;
  /** Removes from this machine what nothing names any more. */
  sweep(options: SweepOptions, call: Call): Promise<Result<Swept>>;
  /** Who works, in which run. */
  run(call: Call): Promise<Result<Run>>;
  readonly now: () => Date;
  /** `sha256:…` of a text. */
  readonly hash: (text: string) => string;
  /** The same, so slow that nobody guesses a short text from it: for what may hold secrets. */
  readonly slowHash: (text: string) => string;
  builder(name: string): Promise<Result<ImageBuilder>>;
  verifier(name: string): Promise<Result<ImageVerifier>>;
  linter(name: string): Promise<Result<Linter>>;
  /** By name, or by a path (relative to the workspace root) for one of the user's own. */
  infra(name: string): Promise<Result<InfraEngine>>;
  /** All that know tests of stacks. */
  testers(): Promise<readonly StackTester[]>;
  policy(kind: 'rule' | 'rego'): Promise<Result<PolicyChecker>>;
  machines(on: ImageTest['on'], call: Call): Promise<Result<MachineHost>>;
  /** Every tool that an adapter may need. */
  catalogue(): Promise<readonly Tool[]>;
  /** What this machine can do, each with the reason where it cannot. */
  engines(call: Call): Promise<readonly { readonly name: string; readonly works: Result<void> }[]>;
}
export type { Evidence, Suite };
