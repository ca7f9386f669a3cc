import { ok, fail, usedImage, type BakeOrder } from '@goldenthread/core';
import { memoryWorld } from '../memory.ts';
import { builderContract } from './builder.ts';

const image = usedImage({ roles: [] }, 'images/edge', 'images/edge/image.yaml');

const orderOf = (content: string): BakeOrder => ({
  image,
  fingerprint: content,
  base: { kind: 'none' },
  steps: [{ name: 'role one', play: {}, folder: image.root, fingerprint: content }],
  rolePaths: [],
  variables: {},
  tools: {},
  force: false,
});

// The engine's own specs stand on this builder: it has to keep the promises of the real ones.
builderContract('in memory', async () => {
  const world = memoryWorld({});
  const builder = await world.ports.builder('layered');
  if (!builder.ok) throw new Error('no builder in memory');
  const plain = world.content;
  world.content = async (order, call) => {
    if (order.fingerprint === 'failing')
      return fail({
        code: 'step-failed',
        image: order.image.name,
        step: 'role one',
        task: 'fail',
        detail: 'no such luck',
        log: '',
      });
    if (order.fingerprint !== 'endless') return plain(order, call);
    return new Promise((resolve) => {
      call.signal.addEventListener('abort', () => resolve(ok(null)), { once: true });
      call.emit({ type: 'output', project: order.image.name, line: 'begun' });
    });
  };
  return {
    builder: builder.value,
    order: orderOf,
    failing: orderOf('failing'),
    endless: { order: orderOf('endless'), begun: /^begun$/ },
    reproducible: true,
    withoutTool: async (order, call) => {
      world.tools.set('ansible-playbook', null);
      const result = await builder.value.build(order, call);
      world.tools.delete('ansible-playbook');
      return result;
    },
    has: async (digest) => world.contents.has(digest),
    leftovers: async () => [...world.running],
    dispose: async () => undefined,
  };
});
