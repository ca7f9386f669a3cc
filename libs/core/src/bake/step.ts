import type { Json } from '../canonical.ts';

/** One step of a layered bake: a play that makes one layer. */
export interface Step {
  /** In words: "role nginx", "tasks of images/edge/playbook.yml". */
  readonly name: string;
  /** The play to run, complete but for the target host, as Ansible reads it. */
  readonly play: { readonly [key: string]: Json | undefined };
  /** The folder of the playbook, relative to the workspace root: templates and files are looked up there. */
  readonly folder: string;
  /** Hash of all that goes into this step, its predecessors aside. */
  readonly fingerprint: string;
}
