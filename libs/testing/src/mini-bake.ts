import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { usedImage, type BakeOrder, type Step } from '@goldenthread/core';
import { miniImage } from './mini-image.ts';

/** A workspace whose image `spec` stands on the smallest base there is, and orders to bake it. */
export interface MiniBake {
  /** Absolute path of the workspace. */
  readonly root: string;
  /** A step that runs these commands in the image's shell, each as a task called `Run <name>`. */
  readonly step: (name: string, ...commands: readonly string[]) => Step;
  readonly orderOf: (...steps: readonly Step[]) => BakeOrder;
}

/** A step whose play is a list of `raw` tasks: those need a shell in the image and nothing else. */
const step: MiniBake['step'] = (name, ...commands) => ({
  name,
  folder: 'images/spec',
  fingerprint: `sha256:${name}-${commands.join()}`,
  play: {
    hosts: 'somewhere',
    gather_facts: false,
    tasks: commands.map((raw) => ({ name: `Run ${name}`, raw })),
  },
});

/** Writes the workspace into a folder; without its base where specs are to be skipped, as on machines that cannot make one. */
export function miniBake(root: string, supported: boolean): MiniBake {
  mkdirSync(join(root, 'images/spec'), { recursive: true });
  const digest = supported ? miniImage(join(root, 'mini')) : `sha256:${'0'.repeat(64)}`;
  const source = { oci: `mini@${digest}` };
  const written = { base: source, roles: ['spec'], backend: 'overlay' as const };
  const orderOf: MiniBake['orderOf'] = (...steps) => ({
    image: usedImage(written, 'images/spec', 'images/spec/image.yaml'),
    fingerprint: 'sha256:0',
    base: { kind: 'source', source },
    steps,
    rolePaths: [],
    variables: { word: 'from a variable' },
    tools: { 'ansible-playbook': '1' },
    force: false,
  });
  return { root, step, orderOf };
}

/**
 * The text of a module that bakes with the layered builder on overlayfs, for a process of its own: it prints the outcome as
 * JSON, and the output of the bake to standard error. `at` is where the process sees this workspace's sources.
 */
export const bakeSource = (parts: { root: string; home: string }, order: BakeOrder, at: string): string => `
import { createLayered } from 'file://${at}/libs/adapters/src/builder/layered.ts';
import { createOverlay } from 'file://${at}/libs/adapters/src/builder/overlay.ts';
import { createBlobs } from 'file://${at}/libs/adapters/src/store/blobs.ts';
const given = ${JSON.stringify(parts)};
const parts = { ...given, blobs: createBlobs(given.home) };
const emit = (event) => event.type === 'output' ? console.error(event.line) : undefined;
const call = { signal: new AbortController().signal, emit };
console.log(JSON.stringify(await createLayered(parts, [createOverlay(parts)]).build(${JSON.stringify(order)}, call)));`;
