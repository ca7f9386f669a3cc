import type { Artifact, Evidence, Suite } from './artifact.ts';
import type { Step } from './bake/step.ts';
import type { Json } from './canonical.ts';
import type { BaseSource, ImageTest, Variables } from './declaration/image.ts';
import type { Image } from './declaration/used.ts';
import type { Event } from './event.ts';
import type { FactRequest, Facts } from './graph/facts.ts';
import type { Finding } from './lint.ts';
import type { Result } from './result.ts';

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

/** What a bake is made on, ready for a builder. */
export type BakeBase =
  | { readonly kind: 'artifact'; readonly artifact: Artifact }
  | { readonly kind: 'source'; readonly source: Exclude<BaseSource, { image: string }> }
  | { readonly kind: 'none' };

/** Everything a builder needs to know about one bake. */
export interface BakeOrder {
  readonly image: Image;
  readonly fingerprint: string;
  readonly base: BakeBase;
  /** Layers to make in order; empty for builders that read the playbook themselves. */
  readonly steps: readonly Step[];
  /** Folders (relative to the root) in which Ansible looks for roles. */
  readonly rolePaths: readonly string[];
  readonly variables: Variables;
  /** Versions of the tools that the builder named, by name. */
  readonly tools: Readonly<Record<string, string>>;
  /** Make everything again, whatever is there. */
  readonly force: boolean;
}

/** What a builder made; the engine turns it into an artifact record. */
export interface Built {
  readonly digest: string;
  readonly size: number;
  readonly base: { readonly digest: string } | null;
  readonly backend?: string;
  readonly layers: Artifact['layers'];
  readonly external: Artifact['external'];
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

/** Keeps artifacts, their records and their evidence. */
export interface ImageStore {
  /** The artifact baked for this fingerprint, if its content is whole. */
  find(image: string, fingerprint: string): Promise<Result<Artifact | null>>;
  put(artifact: Artifact): Promise<Result<void>>;
  /** The newest evidence for this pair of artifact and tests. */
  evidence(artifact: string, tests: string): Promise<Result<Evidence | null>>;
  prove(evidence: Evidence): Promise<Result<void>>;
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

/** Records that a run leaves in the workspace for CI to collect. */
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
  readonly store: ImageStore;
  readonly reports: Reports;
  readonly now: () => Date;
  /** `sha256:…` of a text. */
  readonly hash: (text: string) => string;
  builder(name: string): Promise<Result<ImageBuilder>>;
  verifier(name: string): Promise<Result<ImageVerifier>>;
  linter(name: string): Promise<Result<Linter>>;
  machines(on: ImageTest['on'], call: Call): Promise<Result<MachineHost>>;
  /** Every tool that an adapter may need. */
  catalogue(): Promise<readonly Tool[]>;
  /** What this machine can do, each with the reason where it cannot. */
  engines(call: Call): Promise<readonly { readonly name: string; readonly works: Result<void> }[]>;
}
export type { Evidence, Suite };
