import { stackIn, usedStack, type StackOrder } from '@goldenthread/core';
import { WrittenStack } from '@goldenthread/core/schemas';
import { infraContract } from './contract/infra.ts';
import { memoryEngine, memoryInfra, type MemoryResource } from './memory-infra.ts';

infraContract('in memory', async () => {
  const files = new Map<string, string>();
  const infra = memoryInfra((_, path) => files.get(path) ?? null);
  const stack = stackIn(usedStack(WrittenStack.parse({}), 'infra/net', 'infra/net/stack.yaml'), 'test');
  const write = (things: Record<string, MemoryResource>): void =>
    void files.set('infra/net/things.json', JSON.stringify({ things }));
  const order: StackOrder = { stack, environment: 'test', root: 'root', home: 'root', inputs: new Map() };
  return {
    engine: memoryEngine(infra),
    async order(things, secret) {
      const own = Object.entries(things).map(([name, value]) => [name, { value }] as const);
      write(Object.fromEntries([...own, ...(secret ? [['hidden', { value: '$token' }] as const] : [])]));
      return { ...order, inputs: new Map(secret ? [['token', { value: secret, from: 'declared' }]] : []) };
    },
    address: (thing) => thing,
    real: async () =>
      Object.fromEntries(
        Array.from(infra.states.get('net test')?.things ?? [], ([name, { value }]) => [
          name,
          typeof value === 'string' ? value : '',
        ]).filter(([name]) => name !== 'hidden'),
      ),
    tamper: async (thing) => void infra.states.get('net test')?.things.delete(thing),
    broken: async () => {
      files.set('infra/net/things.json', '{');
      return { order, file: 'infra/net/things.json', says: /no JSON/ };
    },
    lock: null,
    withoutTool: null,
    leftovers: async () => [],
    dispose: async () => undefined,
  };
});
