import { ok, parseYaml, plain, type Place } from '@goldenthread/core';
import { readPreview } from '@goldenthread/core/stack';
import type { MemoryWorld } from './memory.ts';
import { RELEASE_FILES, releaseWorld, type ReleaseWorldInMemory } from './release-world.ts';
import type { MemoryStack } from './memory-infra.ts';

const things = (stack: MemoryStack): string => JSON.stringify(stack);

/** A network, a fleet on it that the image `edge` feeds, and a stack beside them, in two environments. */
export const STACK_FILES: Readonly<Record<string, string>> = {
  ...RELEASE_FILES,
  'infra/network/stack.yaml': '',
  'infra/network/things.json': things({
    things: { zone: { value: 'a', type: 'zone' } },
    outputs: { zones: 'a', id: '@zone' },
  }),
  'infra/fleet/stack.yaml': 'images: { image: edge }\ninputs:\n  zones: { stack: network, output: zones }\n',
  'infra/fleet/things.json': things({
    things: {
      machine: { value: '$image', type: 'machine', forces: true },
      route: { value: '$zones', type: 'route' },
    },
  }),
  'infra/other/stack.yaml': '',
  'infra/other/things.json': things({ things: { bucket: { value: 1, type: 'bucket' } } }),
  'infra/environments/test/environment.yaml': 'stage: 0\nstacks: [network, fleet, other]\ndrift: repair\n',
  'infra/environments/production/environment.yaml': 'stage: 1\nstacks: [network, fleet]\n',
};

/** Writes what a stack of the world declares, for `change`. */
export const declares = (stack: string, declared: MemoryStack): Readonly<Record<string, string>> => ({
  [`infra/${stack}/things.json`]: things(declared),
});

/** A world in memory with those stacks; nothing is applied in it yet. */
export const stackWorld = (
  files: Readonly<Record<string, string>> = STACK_FILES,
): Promise<ReleaseWorldInMemory> => releaseWorld(files);

/** Carries out whatever a plan says. */
export const AUTO_APPROVAL = { find: async () => ok(null), ask: null, auto: true } as const;

/** Approves whatever plan lies where `plan` left it; nobody is there to be asked. */
export const foundApproval = ({ ports, reports }: MemoryWorld) => ({
  async find({ stack, environment }: Place) {
    const left = reports.get(`${stack}/plan.${environment}.json`);
    if (left === undefined) return ok(null);
    const read = readPreview('plan.json', JSON.stringify(left), ports.hash);
    return read.ok ? ok({ by: 'plan' as const, plan: read.value }) : read;
  },
  ask: null,
  auto: false,
});

/** What the ledger of the world says of a stack in an environment. */
export function recordIn(
  { releases }: MemoryWorld,
  stack = 'other',
  environment = 'test',
): Record<string, unknown> {
  const yaml = parseYaml('record', releases.ledger.get(`stacks/${environment}/${stack}.yaml`) ?? '');
  if (!yaml.ok) throw new Error('the record is no YAML');
  return plain(yaml.value) as Record<string, unknown>;
}

/** What is there of a stack in an environment. */
export const thingsIn = (
  { infra }: MemoryWorld,
  stack = 'other',
  environment = 'test',
): readonly string[] => [...(infra.states.get(`${stack} ${environment}`)?.things.keys() ?? [])];
