import { infraContract, kubernetesStack, kubernetesThing, type FakeKubernetes } from '@goldenthread/testing';
import { createKubernetes } from './kubernetes.ts';

/** The values of the ConfigMaps that a stack has made. */
function there({ world }: FakeKubernetes): Readonly<Record<string, string>> {
  const maps = [...world.objects.values()].filter(({ of }) => of.kind === 'ConfigMap');
  const values = maps.map(({ object }) => JSON.parse(JSON.stringify(object)) as Thing);
  return Object.fromEntries(
    values.flatMap(({ metadata: { name }, data }) => (data?.value === undefined ? [] : [[name, data.value]])),
  );
}

interface Thing {
  readonly metadata: { readonly name: string };
  readonly data?: { readonly value?: string };
}

infraContract('kubernetes', async () => {
  const { cluster, order, root, dispose } = await kubernetesStack();
  return {
    engine: createKubernetes({ root, home: root, blobs: null as never }, { interval: 5 }),
    order: (things, secret) => {
      const all = Object.entries(things).map(([name, value]) => kubernetesThing(name, value));
      const held = secret ? [kubernetesThing('held', '${token}', 'Secret')] : [];
      return order([...all, ...held].join('---\n'), secret ? { inputs: { token: secret } } : {});
    },
    address: (thing) => `v1/ConfigMap shop/${thing}`,
    real: async () => there(cluster),
    tamper: async (thing) => cluster.remove('ConfigMap', 'shop', thing),
    broken: async () => ({
      order: await order('apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n'),
      file: 'infra/shop/manifests/all.yaml',
      says: /metadata\.name/,
    }),
    lock: null,
    withoutTool: null,
    // It keeps nothing on this machine.
    leftovers: async () => [],
    dispose,
  };
});
