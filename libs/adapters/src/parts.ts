import type { Blobs } from '@goldenthread/core';

/** What adapters are made from. */
export interface Parts {
  /** Absolute path of the workspace. */
  readonly root: string;
  /** Absolute path of Goldenthread's own folder: store, caches, logs. */
  readonly home: string;
  readonly blobs: Blobs;
}
