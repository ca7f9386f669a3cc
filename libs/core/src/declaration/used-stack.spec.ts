import { describe, expect, it } from 'vitest';
import { WrittenEnvironment } from './environment.ts';
import { parseDeclaration } from './parse.ts';
import { WrittenStack } from './stack.ts';
import { namesEnvironment, stackIn, usedEnvironment, usedStack, type Stack } from './used-stack.ts';

function stack(text: string): Stack {
  const parsed = parseDeclaration(WrittenStack, 'infra/net/stack.yaml', text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.failures));
  return usedStack(parsed.value.written, 'infra/net', 'infra/net/stack.yaml');
}

describe('a stack', () => {
  it('that says nothing has every default', () => {
    expect(stack('')).toEqual({
      name: 'net',
      root: 'infra/net',
      file: 'infra/net/stack.yaml',
      engine: 'terraform',
      images: [],
      inputs: [],
      variables: {},
      playbook: null,
      terraform: {},
      ansible: {},
      cloudformation: {},
      kubernetes: {},
      options: {},
      environments: {},
    });
  });

  it.each([
    ['', 'terraform'],
    ['engine: opentofu', 'opentofu'],
    ['engine: ./engines/own.ts', './engines/own.ts'],
    ['playbook: site.yml', 'ansible'],
    ['ansible: {}', 'ansible'],
    ['terraform: {}', 'terraform'],
    ['cloudformation: {}', 'cloudformation'],
    ['kubernetes: { namespace: x }', 'kubernetes'],
    ['engine: opentofu\nplaybook: site.yml', 'opentofu'],
    ['environments: { production: { kubernetes: {} } }', 'terraform'],
  ])('with %j is for the engine %s', (text, engine) => expect(stack(text).engine).toBe(engine));

  it('gets an image by digest, or as it says', () => {
    const text = 'images: { a: edge, b: { image: edge }, c: { image: edge, as: version } }';
    expect(stack(text).images).toEqual([
      { variable: 'a', image: 'edge', as: 'digest' },
      { variable: 'b', image: 'edge', as: 'digest' },
      { variable: 'c', image: 'edge', as: 'version' },
    ]);
  });

  it('gets outputs of other stacks', () => {
    expect(stack('inputs: { net: { stack: network, output: id } }').inputs).toEqual([
      { variable: 'net', stack: 'network', output: 'id' },
    ]);
  });
});

const WHOLE = `
variables: { size: 1, name: "{environment}" }
terraform: { var_files: ["{environment}.tfvars"], lock_timeout: 5, backend: { bucket: state, key: "net/{environment}" } }
kubernetes: { manifests: ["{environment}/a.yaml", b.yaml], namespace: "x-{environment}", timeout: 9 }
options: { deep: [{ at: "{environment}" }], number: 3 }
environments:
  production:
    variables: { size: 3 }
    terraform: { lock_timeout: 60, backend: { bucket: prod } }
    kubernetes: { namespace: live }
    options: { number: 4 }
`;

describe('a stack in an environment', () => {
  it('has what differs there laid over the rest, key by key', () => {
    expect(stackIn(stack(WHOLE), 'production')).toMatchObject({
      variables: { size: 3, name: '{environment}' },
      terraform: {
        var_files: ['production.tfvars'],
        lock_timeout: 60,
        backend: { bucket: 'prod', key: 'net/production' },
      },
      kubernetes: { manifests: ['production/a.yaml', 'b.yaml'], namespace: 'live', timeout: 9 },
      options: { deep: [{ at: 'production' }], number: 4 },
    });
  });

  it('is as it is everywhere, where nothing differs', () => {
    expect(stackIn(stack(WHOLE), 'staging')).toMatchObject({
      variables: { size: 1 },
      terraform: { lock_timeout: 5, backend: { bucket: 'state', key: 'net/staging' } },
      kubernetes: { namespace: 'x-staging' },
    });
    expect(stackIn(stack(WHOLE), 'constructor').variables).toEqual({ size: 1, name: '{environment}' });
  });

  it('is that of its own declaration: nothing leaks from one environment into another', () => {
    const declared = stack(WHOLE);
    const before = structuredClone(declared);
    stackIn(declared, 'production');
    expect(declared).toEqual(before);
    expect(stackIn(declared, 'staging')).toEqual(stackIn(stack(WHOLE), 'staging'));
  });

  it('stays as it is when asked again', () => {
    const once = stackIn(stack(WHOLE), 'production');
    expect(stackIn(once, 'production')).toEqual(once);
  });
});

describe('whether a backend keeps environments apart', () => {
  const backends = (all: Readonly<Record<string, string>>): string =>
    `environments:\n${Object.entries(all)
      .map(([name, backend]) => `  ${name}: { terraform: { backend: ${backend} } }\n`)
      .join('')}`;

  it.each<[string, string, Readonly<Record<string, boolean>>]>([
    ['no backend', '', { a: false }],
    ['the same for all', 'terraform: { backend: { key: net } }', { a: false }],
    ['by its name', 'terraform: { backend: { key: "net/{environment}" } }', { a: true, b: true }],
    ['one for each', backends({ a: '{ bucket: a }', b: '{ bucket: b }' }), { a: true, b: true, c: false }],
    [
      'a setting that keeps nothing apart',
      backends({ a: '{ encrypt: true }', b: '{ encrypt: true }' }),
      { a: false, b: false },
    ],
    [
      'what all others use',
      `terraform: { backend: { key: net } }\n${backends({ a: '{ key: net }', b: '{ key: b }' })}`,
      { a: false, b: true, c: false },
    ],
    [
      'its name, which one overrules with that of another',
      `terraform: { backend: { key: "net/{environment}" } }\n${backends({ a: '{ key: net/b }' })}environments: {}\n`.replace(
        'environments: {}\n',
        '  b: {}\n',
      ),
      { a: false, b: false, c: true },
    ],
  ])('%s', (_, text, expected) => {
    const declared = stack(text);
    for (const [name, apart] of Object.entries(expected)) {
      expect([name, namesEnvironment(declared, name)]).toEqual([name, apart]);
      expect(stackIn(declared, name).terraform.workspace).toBe(apart ? 'default' : name);
    }
  });

  it('is not asked where a workspace is named', () => {
    const text = 'terraform: { workspace: "w-{environment}", backend: { key: "{environment}" } }';
    expect(stackIn(stack(text), 'a').terraform.workspace).toBe('w-a');
  });
});

it('an environment that says little has every default', () => {
  const parsed = parseDeclaration(WrittenEnvironment, 'x', 'stage: 2\npolicy: [{ max_deleted: 0 }]\n');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.failures));
  expect(
    usedEnvironment(parsed.value.written, 'infra/production', 'infra/production/environment.yaml'),
  ).toEqual({
    name: 'production',
    root: 'infra/production',
    file: 'infra/production/environment.yaml',
    stage: 2,
    stacks: [],
    services: [],
    channel: 'default',
    pins: {},
    policy: [{ max_deleted: 0, level: 'deny' }],
    retire: [],
    drift: 'report',
  });
});
