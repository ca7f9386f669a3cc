import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FactKind, FactRequest, Facts, Target } from '@goldenthread/core';
import { createFacts } from './disk.ts';

let root = '';
let cacheFile = '';

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'facts-'));
  root = join(folder, 'workspace');
  cacheFile = join(folder, 'cache/facts.json');
  mkdirSync(root);
});
afterEach(() => rmSync(dirname(root), { recursive: true }));

const write = (files: Readonly<Record<string, string>>): void => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
};

const shown = (target: Target): string => {
  if (target.to === 'project') return `${target.kind} ${target.name}`;
  if (target.to === 'state') return `state ${target.backend} ${target.key}`;
  return `${target.to === 'file' ? 'file' : target.kind} ${target.candidates.join(' | ')}`;
};

const brief = (facts: Facts | undefined): readonly string[] => [
  ...(facts?.exists ? [] : ['absent']),
  ...(facts?.references ?? []).map(({ target }) => shown(target)),
  ...(facts?.unknowns ?? []).map(({ text }) => `unknown ${text}`),
  ...(facts?.failures ?? []).map((failure) =>
    'at' in failure ? `${failure.code} ${failure.at.file}:${failure.at.line}` : failure.code,
  ),
];

// Long after everything was written: then times alone tell that nothing has changed.
const LATER = (): number => Date.now() + 60_000;

const load = async (
  kind: FactKind,
  path: string,
  ignore: readonly string[] = [],
): Promise<readonly string[]> => {
  const [facts] = await createFacts({ root, cacheFile, ignore, now: LATER }).load([{ kind, path }]);
  return brief(facts);
};

describe('kinds of sources', () => {
  it('reads declarations', async () => {
    write({
      'images/edge/image.yaml': 'base: {image: base}\nroles: [web]\n',
      'infra/net/stack.yaml': 'images: {ami: edge}\n',
      'infra/net/main.tf': '',
    });
    expect(await load('image', 'images/edge/image.yaml')).toEqual(['image base', 'role web']);
    expect(await load('stack', 'infra/net/stack.yaml')).toEqual(['image edge', 'terraform infra/net']);
  });

  it('reads a role: all its tasks, dependencies and files of others', async () => {
    write({
      'libs/roles/web/tasks/main.yml':
        '- import_tasks: sub/more.yml\n- template: {src: a.j2}\n- copy: {src: ../../other/files/b}\n',
      'libs/roles/web/tasks/sub/more.yml': '- include_role: {name: tls}\n',
      'libs/roles/web/meta/main.yml': 'dependencies: [common]\n',
      'libs/roles/web/templates/a.j2': '',
      'libs/roles/web/tasks/README.md': '- not: [yaml',
    });
    expect(await load('role', 'libs/roles/web')).toEqual([
      expect.stringMatching(/^file libs\/roles\/other\/files\/b/),
      'role tls',
      'role common',
    ]);
    expect(await load('role', 'libs/roles/none')).toEqual(['absent']);
  });

  it('reads tasks with the role, or the project, that they lie in', async () => {
    write({ 'images/edge/image.yaml': '', 'images/edge/tasks/a.yml': '- copy: {src: x}\n' });
    expect(await load('tasks', 'images/edge/tasks/a.yml')).toEqual([
      'file images/edge/files/x | images/edge/x | images/edge/tasks/files/x | images/edge/tasks/x',
    ]);
  });

  it('reads a playbook, and counts what Ansible takes from beside it', async () => {
    write({
      'plays/site.yml': '- hosts: all\n  roles: [web]\n',
      'plays/group_vars/all.yml': '',
      'plays/templates/x': '',
    });
    expect(await load('playbook', 'plays/site.yml')).toEqual(['role web', 'file plays/group_vars']);
    expect(await load('playbook', 'plays')).toEqual(['absent']);
  });

  it('reads Terraform: the files of the folder alone', async () => {
    write({
      'infra/net/main.tf': 'module "vpc" {\n  source = "../modules/vpc"\n}\n',
      'infra/net/more.tf.json':
        '{"data": {"terraform_remote_state": {"x": {"backend": "local", "config": {"path": "../x/terraform.tfstate"}}}}}',
      'infra/net/.hidden.tf': '{{{',
      'infra/net/sub/broken.tf': '{{{',
      'infra/none/README.md': '',
    });
    expect(await load('terraform', 'infra/net')).toEqual([
      'terraform infra/modules/vpc',
      'state local infra/x/terraform.tfstate',
    ]);
    expect(await load('terraform', 'infra/none')).toEqual(['absent']);
  });

  it('reads a template of Packer: one file, or all of a folder', async () => {
    write({
      'images/edge/image.yaml': '',
      'images/edge/packer/a.pkr.hcl':
        'build {\n  provisioner "ansible" {\n    playbook_file = "site.yml"\n  }\n}\n',
      'images/edge/packer/b.pkr.hcl':
        'build {\n  provisioner "shell" {\n    script = "${path.root}/${var.name}.sh"\n  }\n}\nvariable "name" {}\n',
      'images/edge/packer/x.auto.pkrvars.hcl': 'name = "go"\n',
      'images/old.json': '{"provisioners": [{"type": "shell", "script": "a.sh"}]}',
    });
    const playbook = 'playbook images/edge/packer/site.yml | images/edge/site.yml | site.yml';
    expect(await load('packer', 'images/edge/packer/a.pkr.hcl')).toEqual([playbook]);
    expect(await load('packer', 'images/edge/packer')).toEqual([playbook, 'file images/edge/packer/go.sh']);
    expect(await load('packer', 'images/old.json')).toEqual(['file images/a.sh | a.sh']);
    expect(await load('packer', 'images/none.pkr.hcl')).toEqual(['absent']);
  });

  it('says of files and folders only whether they are there', async () => {
    write({ 'a/b.txt': '[{' });
    const requests = ['a/b.txt', 'a', 'c', '../workspace/a', '/etc/passwd', 'a/../../x', '.', 'a\0'].map(
      (path): FactRequest => ({ kind: 'file', path }),
    );
    const facts = await createFacts({ root, cacheFile: null, ignore: [] }).load(requests);
    expect(facts.map(({ exists }) => exists)).toEqual([true, true, false, false, false, false, true, false]);
  });
});

describe('failures', () => {
  it.each<[FactKind, string, Readonly<Record<string, string>>, readonly string[]]>([
    ['image', 'a/image.yaml', { 'a/image.yaml': 'base: [' }, ['source-unparsable a/image.yaml:1']],
    ['playbook', 'p.yml', { 'p.yml': '- hosts: all\n  roles: "x\n' }, ['source-unparsable p.yml:2']],
    [
      'role',
      'r',
      { 'r/tasks/main.yml': 'a: b', 'r/vars/main.yml': 'a: [' },
      ['source-unparsable r/tasks/main.yml:1', 'source-unparsable r/vars/main.yml:1'],
    ],
    [
      'terraform',
      't',
      { 't/a.tf': 'x = \n', 't/b.tf': 'y {\n', 't/c.tf.json': '{"a" 1}' },
      ['source-unparsable t/a.tf:1', 'source-unparsable t/b.tf:1', 'source-unparsable t/c.tf.json:1'],
    ],
    ['packer', 'p.pkr.hcl', { 'p.pkr.hcl': '\n build {' }, ['source-unparsable p.pkr.hcl:2']],
    ['packer', 'p.json', { 'p.json': '{' }, ['source-unparsable p.json:1']],
  ])('%s %s', async (kind, path, files, expected) => {
    write(files);
    expect(await load(kind, path)).toEqual(expected);
    expect(await load(kind, path)).toEqual(expected);
  });

  it('refuses what is too large to be a source', async () => {
    write({ 'p.yml': `# ${'x'.repeat(4 * 1024 * 1024)}` });
    expect(await load('playbook', 'p.yml')).toEqual(['source-unparsable p.yml:1']);
  });

  it('does not follow links out of the workspace', async () => {
    writeFileSync(join(dirname(root), 'secret.yml'), '- secret: [');
    symlinkSync('../secret.yml', join(root, 'p.yml'));
    mkdirSync(join(root, 'r'));
    symlinkSync(dirname(root), join(root, 'r/tasks'));
    expect(await load('playbook', 'p.yml')).toEqual(['absent']);
    expect(await load('role', 'r')).toEqual([]);
  });

  it('leaves out what is on the ignore list', async () => {
    write({
      't/a.tf': '{{',
      't/b.tf': '',
      'p/x/site.yml': '[',
      'r/tasks/main.yml': '',
      'r/tasks/drafts/x.yml': '[',
    });
    expect(await load('terraform', 't', ['t/a.tf'])).toEqual([]);
    expect(await load('playbook', 'p/x/site.yml', ['p/**/site.yml'])).toEqual([]);
    expect(await load('playbook', 'p/x/site.yml', ['p'])).toEqual([]);
    expect(await load('role', 'r', ['r/*/drafts/'])).toEqual([]);
    expect(await load('role', 'r', ['drafts'])).toEqual([
      expect.stringContaining('source-unparsable r/tasks/drafts/x.yml'),
    ]);
  });
});

describe('memory', () => {
  const MAIN = 'libs/roles/web/tasks/main.yml';

  it('sees changed, new and deleted files', async () => {
    write({ [MAIN]: '- include_role: {name: aa}\n' });
    expect(await load('role', 'libs/roles/web')).toEqual(['role aa']);
    write({ [MAIN]: '- include_role: {name: bb}\n' });
    expect(await load('role', 'libs/roles/web')).toEqual(['role bb']);
    write({ 'libs/roles/web/tasks/new.yml': '- include_role: {name: cc}\n' });
    expect(await load('role', 'libs/roles/web')).toEqual(['role bb', 'role cc']);
    write({ 'libs/roles/web/meta/main.yml': 'dependencies: [dd]\n' });
    expect(await load('role', 'libs/roles/web')).toEqual(['role bb', 'role cc', 'role dd']);
    rmSync(join(root, 'libs/roles/web/tasks'), { recursive: true });
    expect(await load('role', 'libs/roles/web')).toEqual(['role dd']);
    rmSync(join(root, 'libs'), { recursive: true });
    expect(await load('role', 'libs/roles/web')).toEqual(['absent']);
    write({ [MAIN]: '- include_role: {name: aa}\n' });
    expect(await load('role', 'libs/roles/web')).toEqual(['role aa']);
  });

  it('sees a new Terraform file, and the first one beside a stack', async () => {
    write({ 's/stack.yaml': '' });
    expect(await load('stack', 's/stack.yaml')).toEqual([]);
    expect(await load('terraform', 's')).toEqual(['absent']);
    write({ 's/main.tf': 'module "a" {\n  source = "./a"\n}\n' });
    expect(await load('stack', 's/stack.yaml')).toEqual(['terraform s']);
    expect(await load('terraform', 's')).toEqual(['terraform s/a']);
  });

  it('sees that a file of the role itself has gone', async () => {
    write({ [MAIN]: '- copy: {src: a}\n', 'libs/roles/web/files/a': '' });
    expect(await load('role', 'libs/roles/web')).toEqual([]);
    rmSync(join(root, 'libs/roles/web/files/a'));
    expect(await load('role', 'libs/roles/web')).toEqual([
      expect.stringMatching(/^file libs\/roles\/web\/files\/a \|/),
    ]);
  });

  it('sees a change that keeps size and mtime', async () => {
    const time = new Date('2024-01-01');
    write({ 'p.yml': '- {hosts: all, roles: [a]}\n' });
    utimesSync(join(root, 'p.yml'), time, time);
    expect(await load('playbook', 'p.yml')).toEqual(['role a']);
    write({ 'p.yml': '- {hosts: all, roles: [b]}\n' });
    utimesSync(join(root, 'p.yml'), time, time);
    expect(await load('playbook', 'p.yml')).toEqual(['role b']);
  });

  it('writes only when something changed, and never parses what did not', async () => {
    write({ 'p.yml': '- {hosts: all, roles: [a]}\n' });
    await load('playbook', 'p.yml');
    // A mark in the remembered facts comes back only if they are taken as they are.
    const marked = readFileSync(cacheFile, 'utf8').replace('"name":"a"', '"name":"marked"');
    writeFileSync(cacheFile, marked);
    expect(await load('playbook', 'p.yml')).toEqual(['role marked']);
    expect(readFileSync(cacheFile, 'utf8')).toBe(marked);
    // The same content under another inode, as after a fresh checkout.
    rmSync(join(root, 'p.yml'));
    write({ 'p.yml': '- {hosts: all, roles: [a]}\n' });
    expect(await load('playbook', 'p.yml')).toEqual(['role marked']);
  });

  it('does not trust times that are too close to the look', async () => {
    write({ 'p.yml': '- {hosts: all, roles: [a]}\n' });
    const facts = createFacts({ root, cacheFile, ignore: [], now: () => 0 });
    await facts.load([{ kind: 'playbook', path: 'p.yml' }]);
    const before = readFileSync(cacheFile, 'utf8');
    const hash = /"p\.yml":\[[^"]*"(f[^"]*)"/.exec(before)?.[1] ?? '';
    writeFileSync(cacheFile, before.replaceAll(hash, 'fOTHER').replace('"name":"a"', '"name":"marked"'));
    const [again] = await createFacts({ root, cacheFile, ignore: [], now: () => 0 }).load([
      { kind: 'playbook', path: 'p.yml' },
    ]);
    expect(brief(again)).toEqual(['role a']);
  });

  it.each([
    ['torn', (text: string) => text.slice(0, text.length / 2)],
    ['of another version', (text: string) => text.replace('"schema":', '"schema":1000')],
    ['made by other code', (text: string) => text.replace('"code":"', '"code":"x')],
    ['no cache at all', () => '[]'],
  ])('begins again when the cache is %s', async (_, spoil) => {
    write({ 'p.yml': '- {hosts: all, roles: [a]}\n' });
    await load('playbook', 'p.yml');
    writeFileSync(cacheFile, spoil(readFileSync(cacheFile, 'utf8').replace('"name":"a"', '"name":"marked"')));
    expect(await load('playbook', 'p.yml')).toEqual(['role a']);
  });

  it('begins again with another ignore list', async () => {
    write({ 'p.yml': '- {hosts: all, roles: [a]}\n' });
    expect(await load('playbook', 'p.yml')).toEqual(['role a']);
    expect(await load('playbook', 'p.yml', ['p.yml'])).toEqual([]);
    expect(await load('playbook', 'p.yml')).toEqual(['role a']);
  });

  it('works where the cache cannot be written', async () => {
    write({ 'p.yml': '- {hosts: all, roles: [a]}\n' });
    writeFileSync(dirname(cacheFile), 'a file where the folder should be');
    expect(await load('playbook', 'p.yml')).toEqual(['role a']);
    expect(existsSync(cacheFile)).toBe(false);
  });

  it('keeps the order of the requests, the same asked twice included', async () => {
    write({ 'a.yml': '- {hosts: all, roles: [a]}\n', 'b.yml': '- {hosts: all, roles: [b]}\n' });
    const requests = ['b.yml', 'none.yml', 'a.yml', 'b.yml'].map((path): FactRequest => ({
      kind: 'playbook',
      path,
    }));
    const facts = await createFacts({ root, cacheFile, ignore: [] }).load(requests);
    expect(facts.map(brief)).toEqual([['role b'], ['absent'], ['role a'], ['role b']]);
  });
});
