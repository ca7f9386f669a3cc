import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  usedStack,
  type Inputs,
  type Json,
  type Secret,
  type Stack,
  type StackOrder,
} from '@goldenthread/core';
import { startKubernetes, type FakeKubernetes } from './kubernetes.ts';

/** Whether a kubectl with its Kustomize is here; said aloud where it is not. It cannot be had everywhere, so CI may do without. */
export function hasKustomize(): boolean {
  try {
    execFileSync('kubectl', ['kustomize', '--help'], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn(
      'SKIPPED, as kubectl with its Kustomize is not here: the real one; a stand-in shows the same',
    );
    return false;
  }
}

/** What a stack is told. */
export interface KubernetesOrder {
  readonly inputs?: Readonly<Record<string, Json | Secret>>;
  /** Its section for the engine; its namespace is `shop` by default. */
  readonly kubernetes?: Partial<Stack['kubernetes']>;
  readonly name?: string;
  readonly environment?: string;
}

/** A cluster with the namespaces `default` and `shop`, and a stack `shop` whose sources lie in a temporary folder. */
export interface KubernetesStack {
  readonly cluster: FakeKubernetes;
  /** The folder of the workspace. */
  readonly root: string;
  /** Path of the kubeconfig that KUBECONFIG names meanwhile. */
  readonly kubeconfig: string;
  /** Writes the sources, and nothing else is there: a text is `manifests/all.yaml`, other files are named below the stack's folder. */
  order(sources: string | Readonly<Record<string, string>>, options?: KubernetesOrder): Promise<StackOrder>;
  dispose(): Promise<void>;
}

/** An object with one value: a ConfigMap, or a Secret. */
export const kubernetesThing = (
  name: string,
  value: string,
  kind: 'ConfigMap' | 'Secret' = 'ConfigMap',
): string =>
  `apiVersion: v1\nkind: ${kind}\nmetadata:\n  name: ${name}\n${kind === 'Secret' ? 'stringData' : 'data'}:\n  value: ${value}\n`;

const inputsOf = (values: KubernetesOrder['inputs'] = {}): Inputs =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, from: 'the specification' }]));

async function writeSources(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  await rm(join(root, 'infra/shop'), { recursive: true, force: true });
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, 'infra/shop', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { mode: text.startsWith('#!') ? 0o755 : 0o644 });
  }
}

/** Starts a cluster, and points KUBECONFIG to it until it is disposed of. */
export async function kubernetesStack(): Promise<KubernetesStack> {
  const root = await mkdtemp(join(tmpdir(), 'goldenthread-kubernetes-'));
  const cluster = await startKubernetes(['default', 'shop']);
  const kubeconfig = join(root, 'kubeconfig');
  await cluster.kubeconfig(kubeconfig);
  const before = process.env['KUBECONFIG'];
  process.env['KUBECONFIG'] = kubeconfig;
  return {
    cluster,
    root,
    kubeconfig,
    async order(sources, { inputs, kubernetes, name = 'shop', environment = 'production' } = {}) {
      const files = typeof sources === 'string' ? { 'manifests/all.yaml': sources } : sources;
      const section = { namespace: 'shop', timeout: 20, ...kubernetes };
      const words = JSON.stringify({ name, kubernetes: section }, null, 2);
      await writeSources(root, { 'stack.yaml': words, ...files });
      const written = { name, images: {}, inputs: {}, variables: {}, environments: {}, kubernetes: section };
      const stack = usedStack(written, 'infra/shop', 'infra/shop/stack.yaml');
      return { stack, environment, root, home: root, inputs: inputsOf(inputs) };
    },
    async dispose() {
      if (before === undefined) delete process.env['KUBECONFIG'];
      else process.env['KUBECONFIG'] = before;
      await cluster.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
