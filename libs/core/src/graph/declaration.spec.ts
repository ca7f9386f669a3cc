import { describe, expect, it } from 'vitest';
import { declarationFacts, type DeclaredKind } from './declaration.ts';
import type { Facts } from './facts.ts';
import { factLines } from './lines.ts';

const declared = (kind: DeclaredKind, text: string, beside: readonly string[] = []): Facts =>
  declarationFacts(kind, { path: `x/edge/${kind}.yaml`, text }, beside);

/** Facts as lines: of a failure its place alone. */
const brief = (facts: Facts): readonly string[] =>
  factLines(facts).map((line) => line.replace(/^failure [^:]+:(\d+:\d+) .*$/, 'failure $1'));

const BASE = 'base: {image: base}\n';

describe('references', () => {
  it.each<[string, DeclaredKind, string, readonly string[]]>([
    ['a base', 'image', BASE, ['image base']],
    ['a base from elsewhere', 'image', 'base: {mmdebstrap: {suite: bookworm}}', []],
    ['roles', 'image', `${BASE}roles: [a, {role: b, vars: {x: 1}}]`, ['image base', 'role a', 'role b']],
    ['a playbook', 'image', `${BASE}playbook: ../site.yml`, ['image base', 'playbook x/site.yml']],
    [
      'a template',
      'image',
      'packer: {template: t.pkr.hcl, var_files: [a.pkrvars.hcl]}',
      ['packer x/edge/t.pkr.hcl', 'file x/edge/a.pkrvars.hcl'],
    ],
    [
      'paths handed to a template',
      'image',
      'packer: {template: p/t.pkr.hcl, variables: {playbook: site.yml, s: ./a.sh, v: "1.2", i: debian/12}}',
      [
        'packer x/edge/p/t.pkr.hcl',
        '?playbook x/edge/p/site.yml | x/edge/site.yml',
        '?file x/edge/p/a.sh | x/edge/a.sh',
      ],
    ],
    [
      'tests',
      'image',
      `${BASE}tests: [{testinfra: tests/t.py}, {script: s.sh, on: booted}]`,
      ['image base', 'file x/edge/tests/t.py', 'file x/edge/s.sh'],
    ],
    [
      'uses',
      'image',
      `${BASE}uses: [{role: r}, {image: i}, {stack: s}, {service: v}, {file: ../f}]`,
      ['image base', 'role r', 'image i', 'stack s', 'service v', 'file x/f'],
    ],
    [
      'images of a stack',
      'stack',
      'images: {ami: edge}\nplaybook: p.yml',
      ['image edge', 'playbook x/edge/p.yml'],
    ],
    [
      'images of a stack, by digest or by version',
      'stack',
      'images: { a: {image: edge}, b: {image: web, as: version} }',
      ['image edge', 'image web'],
    ],
    [
      'inputs of a stack',
      'stack',
      'inputs: { net: {stack: network, output: id}, zone: {stack: dns, output: zone} }',
      ['stack network', 'stack dns'],
    ],
    [
      'files of a stack, but for those whose name depends on the environment',
      'stack',
      'terraform: {var_files: [a.tfvars, "{environment}.tfvars"]}\nansible: {inventory: ../hosts, destroy: d.yml}',
      ['file x/edge/a.tfvars', 'file x/hosts', 'playbook x/edge/d.yml'],
    ],
    [
      'manifests and templates of a stack',
      'stack',
      'kubernetes: {manifests: [m, n.yaml], kustomize: k}\ncloudformation: {template: t.yaml}',
      ['file x/edge/t.yaml', 'file x/edge/m', 'file x/edge/n.yaml', 'file x/edge/k'],
    ],
    ['a template that is made first', 'stack', 'cloudformation: {template: t.yaml, synth: cdk}', []],
    [
      'environments of a stack, and their files',
      'stack',
      'environments: {production: {terraform: {var_files: [p.tfvars]}}, staging: {}}',
      ['environment production', 'file x/edge/p.tfvars', 'environment staging'],
    ],
    [
      'pins and rules of an environment',
      'environment',
      'stage: 1\npins: {edge: 1.4.1}\npolicy: [{rule: ../r.mjs}, {rego: rego, stacks: [a, b]}, {max_deleted: 0}]',
      ['image edge', 'file x/r.mjs', 'file x/edge/rego', 'stack a', 'stack b'],
    ],
    ['a service', 'service', 'base: {image: node}\nstacks: [a]', ['image node', 'stack a']],
    ['an environment', 'environment', 'stage: 1\nstacks: [a]\nservices: [b]', ['stack a', 'service b']],
    ['an empty stack', 'stack', '', []],
    ['anchors', 'image', 'uses: &u [{role: r}]\nbase: {image: &b base}\nname: *b', ['image base', 'role r']],
  ])('%s', (_, kind, text, expected) => {
    expect(brief(declared(kind, text))).toEqual(expected);
  });

  it('reads a stack on where it holds Terraform files', () => {
    expect(brief(declared('stack', '', ['main.tf', 'stack.yaml']))).toEqual(['terraform x/edge']);
    expect(brief(declared('stack', '', ['a.tf.json']))).toEqual(['terraform x/edge']);
    expect(brief(declared('stack', '', ['main.tfvars']))).toEqual([]);
  });

  it('points at the value and says why', () => {
    const [, role] = declared('image', `${BASE}roles:\n  - role: nginx\n`).references;
    expect(role).toMatchObject({
      at: { file: 'x/edge/image.yaml', line: 3, column: 11 },
      reason: 'uses the role nginx',
    });
  });
});

describe('names that only have to exist', () => {
  it.each<[string, DeclaredKind, string, readonly [number, number, number]]>([
    ['an environment of a stack', 'stack', 'environments:\n  production:\n    variables: {}\n', [2, 3, 10]],
    ['a pinned image', 'environment', 'stage: 1\npins: { edge: 1.4.1 }\n', [2, 9, 4]],
    [
      'a stack of a rule',
      'environment',
      'stage: 1\npolicy: [{ max_deleted: 0, stacks: [net] }]\n',
      [2, 37, 3],
    ],
  ])('%s: told where the name stands', (_, kind, text, [line, column, length]) => {
    const [reference] = declared(kind, text).references;
    expect(reference).toMatchObject({ onlyNamed: true, at: { line, column, length } });
  });
});

it('hands on what is written, defaults filled in', () => {
  expect(declared('image', `${BASE}packer: {template: a.json}`).data).toEqual({
    base: { image: 'base' },
    packer: { template: 'a.json', only: [], variables: {}, var_files: [] },
  });
});

describe('failures', () => {
  it.each<[string, DeclaredKind, string, readonly string[]]>([
    [
      'unknown keys and wrong types, all at once',
      'image',
      'bas: 1\nroles: nginx\n',
      ['failure 2:8', 'failure 1:1'],
    ],
    [
      'rules over several keys',
      'image',
      `${BASE}playbook: p.yml\nroles: [a]\n`,
      ['image base', 'role a', 'playbook x/edge/p.yml', 'failure 3:8'],
    ],
    ['nothing to stand on', 'image', 'roles: [a]', ['role a', 'failure 1:1']],
    ['syntax', 'image', 'base: [', ['failure 1:7']],
    ['an alias without an anchor', 'image', 'base: *b', ['failure 1:7']],
    [
      'too many aliases',
      'environment',
      `stage: 1\n${[1, 2, 3, 4, 5, 6]
        .map(
          (n) =>
            `k${n}: &n${n} [${Array(10)
              .fill(n === 1 ? 'x' : `*n${n - 1}`)
              .join(', ')}]`,
        )
        .join('\n')}`,
      ['failure 1:1'],
    ],
  ])('%s', (_, kind, text, expected) => {
    expect([...brief(declared(kind, text))].sort()).toEqual([...expected].sort());
  });
});
