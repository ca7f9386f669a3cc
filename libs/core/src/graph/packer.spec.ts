import { describe, expect, it } from 'vitest';
import type { Facts } from './facts.ts';
import { factLines } from './lines.ts';
import { packerFacts } from './packer.ts';
import { packerShape } from './packer-shape.ts';

/** A template below the image `images/edge`, as the parser gives it. */
const template = (json: unknown, path = 'images/edge/packer/edge.pkr.hcl', text = ''): Facts =>
  packerFacts('images/edge', [{ path, text, json }]);

const provisioner = (type: string, body: unknown, more: object = {}): readonly string[] =>
  factLines(template({ build: [{ provisioner: { [type]: [body] } }], ...more }));

const around = (path: string): string => `images/edge/packer/${path} | images/edge/${path} | ${path}`;

describe('provisioners', () => {
  it.each([
    ['ansible', { playbook_file: 'site.yml' }, [`playbook ${around('site.yml')}`]],
    ['ansible', { playbook_file: '${path.root}/../site.yml' }, ['playbook images/edge/site.yml']],
    ['ansible', { playbook_file: '${local.book}' }, ['unknown ${local.book}']],
    ['ansible', { playbook_file: '${var.x ? "a.yml" : "b.yml"}' }, ['unknown ${var.x ? "a.yml" : "b.yml"}']],
    ['ansible', { playbook_file: '/srv/site.yml', roles_path: '../../libs/roles' }, []],
    [
      'ansible',
      { galaxy_file: '${path.root}/r.yml', inventory_file: '${path.root}/hosts' },
      ['file images/edge/packer/r.yml', 'file images/edge/packer/hosts'],
    ],
    [
      'ansible',
      { extra_arguments: ['-e', '@${path.root}/v.yml', '--extra-vars', 'a=b', '--extra-vars=@/etc/x'] },
      ['file images/edge/packer/v.yml'],
    ],
    [
      'ansible',
      { extra_arguments: ['-e', '@v.yml', '--extra-vars=@w.yml', '-v'] },
      [`file ${around('v.yml')}`, `file ${around('w.yml')}`],
    ],
    [
      'ansible-local',
      {
        playbook_files: ['${path.root}/a.yml', '${path.root}/b.yml'],
        role_paths: ['${path.root}/../../../libs/roles/web'],
      },
      ['playbook images/edge/packer/a.yml', 'playbook images/edge/packer/b.yml', 'file libs/roles/web'],
    ],
    [
      'shell',
      { script: '${path.root}/a.sh', execute_command: 'sh {{ .Path }}' },
      ['file images/edge/packer/a.sh'],
    ],
    [
      'shell',
      { scripts: ['${path.root}/a.sh', '${var.b}'] },
      ['file images/edge/packer/a.sh', 'unknown ${var.b}'],
    ],
    ['shell', { inline: ['./install.sh && ./go', 'apt-get update'] }, []],
    ['shell', { override: { docker: { script: '${path.root}/z.sh' } } }, ['file images/edge/packer/z.sh']],
    ['file', { source: '${path.root}/conf/', destination: '/etc/app' }, ['file images/edge/packer/conf']],
    ['file', { sources: ['a', 'b'], destination: '/etc' }, [`file ${around('a')}`, `file ${around('b')}`]],
    ['file', { source: '/tmp/log', destination: '../log', direction: 'download' }, []],
    ['file', { source: '${path.root}/made.txt', generated: true }, ['?file images/edge/packer/made.txt']],
    [
      'puppet-masterless',
      { manifest_file: '${path.root}/site.pp', module_paths: ['${path.root}/modules'] },
      ['file images/edge/packer/site.pp', 'file images/edge/packer/modules'],
    ],
    ['goss', { tests: ['./goss.yaml'], output: './out' }, [`?file ${around('goss.yaml')}`]],
  ])('%s %j', (type, body, expected) => {
    expect(provisioner(type, body)).toEqual(expected);
  });

  it('resolves variables by their default and locals, in lists too', () => {
    const more = {
      variable: { book: [{ default: '${path.root}/site.yml' }] },
      locals: [
        {
          dir: '${path.root}/scripts',
          all: ['${local.dir}/a.sh', '${local.dir}/b.sh'],
          loop: '${local.loop}',
        },
      ],
    };
    expect(provisioner('ansible', { playbook_file: '${var.book}' }, more)).toEqual([
      'playbook images/edge/packer/site.yml',
    ]);
    expect(provisioner('shell', { scripts: '${local.all}' }, more)).toEqual([
      'file images/edge/packer/scripts/a.sh',
      'file images/edge/packer/scripts/b.sh',
    ]);
    expect(provisioner('shell', { script: '${local.loop}' }, more)).toEqual(['unknown ${local.loop}']);
  });

  it('takes values from files of variables before defaults, and says which variables it trusted', () => {
    const facts = packerFacts('images/edge', [
      {
        path: 'images/edge/a.pkr.hcl',
        text: '',
        json: {
          variable: { s: [{ default: 'a.sh' }] },
          build: [{ provisioner: { shell: [{ script: '${path.root}/${var.s}' }] } }],
        },
      },
      { path: 'images/edge/x.auto.pkrvars.hcl', text: '', json: { s: 'b.sh' } },
    ]);
    expect(factLines(facts)).toEqual(['file images/edge/b.sh']);
    expect(facts.data).toEqual({ defaults: ['s'] });
  });

  it('reads dynamic blocks and post-processors', () => {
    const json = {
      build: [
        {
          dynamic: { provisioner: [{ for_each: ['a'], content: [{ script: '${path.root}/a.sh' }] }] },
          'post-processors': [
            {
              'post-processor': {
                'shell-local': [{ script: '${path.root}/b.sh' }],
                manifest: [{ output: './m.json' }],
              },
            },
          ],
        },
      ],
    };
    expect(factLines(template(json))).toEqual([
      'file images/edge/packer/a.sh',
      'file images/edge/packer/b.sh',
    ]);
  });
});

describe('builders', () => {
  const source = (body: object, more: object = {}): readonly string[] =>
    factLines(template({ source: { docker: { edge: [body] } }, ...more }));

  it.each([
    ['the base that the declaration hands over', { image: '${var.base_image}' }, []],
    ['an image from elsewhere', { image: 'debian:12' }, []],
    ['an image of this workspace', { image: 'goldenthread/base:latest' }, ['image base']],
    ['the same in a registry', { image: 'localhost:5000/goldenthread/base@sha256:00' }, ['image base']],
    ['by a variable', { image: '${var.parent}' }, ['image node']],
    [
      'a name that a cloud looks up',
      { source_image_family: 'debian-12', source_ami_filter: [{ filters: { name: 'debian-*' } }] },
      [],
    ],
    [
      'folders and files it takes along',
      { http_directory: '${path.root}/http', cd_files: ['${path.root}/cd/*'] },
      ['file images/edge/packer/http', 'file images/edge/packer/cd'],
    ],
    [
      'whatever plainly is a path',
      { iso_url: '${path.root}/../disk.qcow2', output_directory: './out' },
      ['?file images/edge/disk.qcow2'],
    ],
  ])('%s', (_, body, expected) => {
    expect(
      source(body, {
        variable: {
          parent: [{ default: 'goldenthread/node:1' }],
          base_image: [{ default: 'goldenthread/base' }],
        },
      }),
    ).toEqual(expected);
  });
});

it('finds files that functions read, wherever they stand', () => {
  const json = {
    locals: [{ a: '${file("${path.root}/a.txt")}', b: 'plain file("x")' }],
    source: {
      docker: {
        x: [
          {
            user_data: '${templatefile("${path.root}/b.tpl", { c = file(var.d) })}',
            message: '$${file("e")}',
          },
        ],
      },
    },
  };
  expect(factLines(template(json))).toEqual([
    'file images/edge/packer/a.txt',
    'file images/edge/packer/b.tpl',
    'unknown file(var.d)',
  ]);
});

it('points at the text, not at a comment that holds it', () => {
  const text = '# script = "a.sh"\nbuild {\n  provisioner "shell" {\n    script = "a.sh"\n  }\n}\n';
  const facts = template({ build: [{ provisioner: { shell: [{ script: 'a.sh' }] } }] }, 'e.pkr.hcl', text);
  expect(facts.references[0]?.at).toMatchObject({ line: 4, column: 14, length: 6 });
});

describe('an old JSON template', () => {
  const json = {
    variables: { script: '{{template_dir}}/run.sh', secret: '{{env `SECRET`}}' },
    builders: [
      { type: 'docker', name: 'edge', image: '{{user `base_image`}}', commit: true },
      { type: 'qemu', iso_url: 'goldenthread/base' },
    ],
    provisioners: [
      { type: 'ansible', playbook_file: 'site.yml' },
      {
        type: 'shell',
        scripts: ['{{user `script`}}', '{{ user `other` }}', '{{ isotime }}.sh'],
        execute_command: 'echo ${PATH}',
      },
    ],
    'post-processors': [
      'vagrant',
      [
        { type: 'docker-tag', repository: 'x' },
        { type: 'manifest', output: 'm.json' },
      ],
    ],
  };

  it('is read like a new one', () => {
    expect(factLines(template(json, 'images/edge/edge.json'))).toEqual([
      'playbook images/edge/site.yml | site.yml',
      'file images/edge/run.sh',
      'unknown {{ user `other` }}',
      'unknown {{ isotime }}.sh',
    ]);
  });

  it('shows its shape', () => {
    expect(packerShape(json)).toEqual({
      variables: ['script', 'secret'],
      sources: ['edge', 'qemu'],
      builds: [],
      provisioners: ['ansible', 'shell'],
      postProcessors: [{ type: 'vagrant' }, { type: 'docker-tag' }, { type: 'manifest', output: 'm.json' }],
    });
  });
});

it('shows the shape of a new template, in HCL and in JSON', () => {
  const shape = {
    variables: ['a'],
    sources: ['docker.edge'],
    builds: ['b'],
    provisioners: [],
    postProcessors: [{ type: 'manifest', output: 'm.json' }, { type: 'docker-tag' }],
  };
  const post = {
    'post-processor': { manifest: [{ output: 'm.json' }] },
    'post-processors': [{ 'post-processor': { 'docker-tag': [{}] } }],
  };
  expect(
    packerShape({
      variable: { a: [{}] },
      source: { docker: { edge: [{}] } },
      build: [{ name: 'b', ...post }],
    }),
  ).toEqual(shape);
  const plain = {
    'post-processor': [{ manifest: { output: 'm.json' } }],
    'post-processors': { 'post-processor': { 'docker-tag': {} } },
  };
  expect(
    packerShape({ variable: { a: {} }, source: { docker: { edge: {} } }, build: { name: 'b', ...plain } }),
  ).toEqual(shape);
});
