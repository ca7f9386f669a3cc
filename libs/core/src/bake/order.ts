import type { Artifact } from '../artifact.ts';
import type { BaseSource, Variables } from '../declaration/image.ts';
import type { Image } from '../declaration/used.ts';
import type { Step } from './step.ts';

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
