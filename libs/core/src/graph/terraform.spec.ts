import { describe, expect, it } from 'vitest';
import type { Facts } from './facts.ts';
import { factLines } from './lines.ts';
import { terraformFacts } from './terraform.ts';

const stack = (json: unknown, text = ''): Facts =>
  terraformFacts('infra/app', [{ path: 'infra/app/main.tf', text, json }]);

describe('modules', () => {
  it.each([
    ['./vpc', ['terraform infra/app/vpc']],
    ['../modules/vpc', ['terraform infra/modules/vpc']],
    ['../../x', ['terraform x']],
    ['terraform-aws-modules/vpc/aws', []],
    ['git::https://x.y/z.git//vpc?ref=v1', []],
    ['/srv/modules/vpc', []],
    ['${path.module}/vpc', ['terraform infra/app/vpc']],
    ['${var.modules}/vpc', ['unknown ${var.modules}/vpc']],
  ])('%s', (source, expected) => {
    expect(factLines(stack({ module: { vpc: [{ source }] } }))).toEqual(expected);
  });
});

const remote = (backend: string, config: unknown): readonly string[] =>
  factLines(stack({ data: { terraform_remote_state: { net: [{ backend, config }] } } }));

describe("other stacks' states", () => {
  it.each([
    ['local', { path: '../network/terraform.tfstate' }, ['state local infra/network/terraform.tfstate']],
    [
      'local',
      { path: '${path.module}/../network/terraform.tfstate' },
      ['state local infra/network/terraform.tfstate'],
    ],
    ['local', [{ path: '../network/x.tfstate' }], ['state local infra/network/x.tfstate']],
    ['local', { path: '/srv/x.tfstate' }, ['state local /srv/x.tfstate']],
    ['local', { path: '${var.state}' }, ['unknown ${var.state}']],
    ['s3', { bucket: 'b', key: 'net/terraform.tfstate', region: 'x' }, ['state s3 b/net/terraform.tfstate']],
    ['s3', { bucket: '${var.bucket}', key: 'net' }, ['state s3 net']],
    ['s3', { bucket: 'b', key: 'env/${var.env}/net' }, ['unknown env/${var.env}/net']],
    ['gcs', { bucket: 'b', prefix: 'net' }, ['state gcs b/net']],
    ['azurerm', { storage_account_name: 'a', container_name: 'c', key: 'k' }, ['state azurerm a/c/k']],
    ['http', { address: 'https://x.y/net' }, ['state http https://x.y/net']],
    ['remote', { organization: 'o', workspaces: { name: 'net' } }, ['state remote o/net']],
    ['remote', { organization: 'o', workspaces: { prefix: 'net-' } }, ['unknown net']],
    ['s3', '${var.config}', ['unknown ${var.config}']],
  ])('%s %j', (backend, config, expected) => {
    expect(remote(backend, config)).toEqual(expected);
  });

  it('resolves literal locals', () => {
    const json = {
      locals: [{ bucket: 'b' }],
      data: {
        terraform_remote_state: { n: [{ backend: 's3', config: { bucket: '${local.bucket}', key: 'k' } }] },
      },
    };
    expect(factLines(stack(json))).toEqual(['state s3 b/k']);
  });
});

describe('its own state', () => {
  it.each([
    ['beside it, unless it says otherwise', {}, [{ backend: 'local', key: 'infra/app/terraform.tfstate' }]],
    [
      'an empty local backend',
      { terraform: [{ backend: { local: [{}] } }] },
      [{ backend: 'local', key: 'infra/app/terraform.tfstate' }],
    ],
    [
      'a path',
      { terraform: [{ required_version: '1' }, { backend: { local: [{ path: '../s/a.tfstate' }] } }] },
      [{ backend: 'local', key: 'infra/s/a.tfstate' }],
    ],
    [
      'with and without its store',
      { terraform: [{ backend: { s3: [{ bucket: 'b', key: 'k' }] } }] },
      [
        { backend: 's3', key: 'b/k' },
        { backend: 's3', key: 'k' },
      ],
    ],
    ['configured elsewhere', { terraform: [{ backend: { s3: [{}] } }] }, []],
    [
      'a cloud',
      { terraform: [{ cloud: [{ organization: 'o', workspaces: [{ name: 'app' }] }] }] },
      [
        { backend: 'remote', key: 'o/app' },
        { backend: 'remote', key: 'app' },
      ],
    ],
    [
      'written as JSON',
      { terraform: { backend: { gcs: { bucket: 'b', prefix: 'p' } } } },
      [
        { backend: 'gcs', key: 'b/p' },
        { backend: 'gcs', key: 'p' },
      ],
    ],
  ])('%s', (_, json, state) => {
    expect(stack(json).data).toEqual({ state });
  });
});

describe('files', () => {
  it.each([
    [
      'file and templatefile',
      { a: '${file("${path.module}/a.txt")}', b: '${templatefile("t/b.tpl", { x = var.y })}' },
      ['file infra/app/a.txt', 'file infra/app/t/b.tpl'],
    ],
    [
      'hashes',
      { a: '${filemd5("${path.module}/a.zip")}', b: '${filebase64sha256("../b")}' },
      ['file infra/app/a.zip', 'file infra/b'],
    ],
    ['a folder of files', { a: '${fileset("${path.module}/conf", "*.json")}' }, ['file infra/app/conf']],
    ['one that may be there', { a: '${fileexists("${path.module}/a") ? 1 : 0}' }, ['?file infra/app/a']],
    ['an unknown one', { a: '${file(var.key)}', b: '${file("~/.ssh/id.pub")}' }, ['unknown file(var.key)']],
    [
      'a path by itself',
      { source: '${path.module}/a.bin', output_path: '${path.module}/a.zip' },
      ['?file infra/app/a.bin'],
    ],
    ['text', { a: 'run file("x")', b: 'x\n${path.module}/y' }, []],
  ])('%s', (_, body, expected) => {
    expect(factLines(stack({ resource: { x: { y: [body] } } }))).toEqual(expected);
  });
});

it('points at the text that says it', () => {
  const text = 'module "vpc" {\n  source = "../vpc"\n}\n';
  const [reference] = stack({ module: { vpc: [{ source: '../vpc' }] } }, text).references;
  expect(reference).toMatchObject({
    at: { file: 'infra/app/main.tf', line: 2, column: 12 },
    reason: 'uses the module vpc (infra/vpc)',
  });
});
