import type { Call, Json, Layer, Result, Tool, Variables } from '@goldenthread/core';
import type { Source } from '../rootfs/rootfs.ts';

export type { Source };

/** How Ansible reaches the place in which a step runs. */
export interface Target {
  /** The only host of the inventory: a folder for `chroot`, a container for `docker`. */
  readonly host: string;
  /** Ansible's connection plugin. */
  readonly connection: string;
  /** Put before the argv of ansible-playbook, where it must see other mounts than ours. */
  readonly beside: readonly string[];
  /** Variables that the connection needs. */
  readonly variables: Variables;
  /** Environment that the connection or the package manager inside needs. */
  readonly env: Readonly<Record<string, string>>;
}

/** A writable place standing on layers: one step runs in it, then it is captured or thrown away. */
export interface LayerPlace {
  readonly target: Target;
  /** Takes what the step changed, writes it to the blob store as a layer, and ends the place. */
  capture(step: string, call: Call): Promise<Result<Layer>>;
  /** Ends the place, whether or not it was captured; may be called twice. */
  close(): Promise<void>;
}

/** One bake on a back end. Used by one caller at a time. */
export interface LayerSession {
  /** A folder of this bake alone, gone after `close`. */
  readonly work: string;
  /** Makes the root file system of a source, as one layer in the blob store. */
  base(source: Source, call: Call): Promise<Result<Layer>>;
  /** Opens a place standing on these layers, the lowest first; their content is in the blob store. */
  place(below: readonly Layer[], call: Call): Promise<Result<LayerPlace>>;
  /** Leaves nothing behind, whatever happened; may be called twice. */
  close(): Promise<void>;
}

/** Where layers are made. It neither remembers layers nor decides which are needed: layered.ts does. */
export interface LayerBackend {
  readonly name: 'overlay' | 'docker';
  /** Programs it needs to make layers, Ansible aside. */
  readonly tools: readonly Tool[];
  /** Programs it needs to make this base. */
  sourceTools(source: Source): readonly Tool[];
  /** What decides the content of this base beside its declaration and its tools, such as the machine's apt sources. */
  sourceKey(source: Source): Promise<Json>;
  /** Fails with the reason where it cannot work on this machine. */
  supported(call: Call): Promise<Result<void>>;
  /** Begins a bake; everything that programs say is added to the file `log`. */
  open(image: string, log: string, call: Call): Promise<Result<LayerSession>>;
}
