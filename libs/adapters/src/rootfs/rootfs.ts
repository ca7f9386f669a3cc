import type { BakeBase, Call, Json, Result, Tool } from '@goldenthread/core';
import type { Site } from '../namespace/root.ts';
import { mmdebstrapRootfs } from './mmdebstrap.ts';
import { ociRootfs } from './oci.ts';

/** A base that is not another image of this workspace: it has to be made. */
export type Source = Extract<BakeBase, { kind: 'source' }>['source'];

/** Where a root file system goes. */
export interface RootfsPlace {
  readonly site: Site;
  /** The folder to fill, in the site's work folder; it is not there yet. */
  readonly folder: string;
  /** The project for which it is made. */
  readonly image: string;
  readonly log: string;
}

/** A way to get a root file system. */
export interface RootfsSource {
  /** In words, as the layer's step. */
  readonly name: string;
  readonly tools: readonly Tool[];
  /** What decides the content beside the declaration and the tools. */
  key(): Promise<Json>;
  /** Fills the folder, inside the site's namespace. */
  make(place: RootfsPlace, call: Call): Promise<Result<void>>;
}

/** The way to get the root file system of a source. */
export const rootfsOf = (source: Source, root: string): RootfsSource =>
  'oci' in source ? ociRootfs(source.oci, root) : mmdebstrapRootfs(source.mmdebstrap);
