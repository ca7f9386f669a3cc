import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import {
  usedImage,
  type BakeOrder,
  type Call,
  type Event,
  type Image,
  type Result,
} from '@goldenthread/core';
import { builderContract, without } from '@goldenthread/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBlobs } from '../store/blobs.ts';
import { createPacker } from './packer.ts';

const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 2));
  return result.value;
};

let home: string;
let root: string;
let events: Event[] = [];
const call = (
  signal = new AbortController().signal,
  watch: (event: Event) => void = () => undefined,
): Call => ({
  signal,
  emit: (event) => {
    events.push(event);
    watch(event);
  },
});
const packer = (): ReturnType<typeof createPacker> => createPacker({ root, home, blobs: createBlobs(home) });

const image = (template: string, more: object = {}): Image =>
  usedImage(
    { packer: { template, only: [], variables: {}, var_files: [], ...more } },
    'images/spec',
    'images/spec/image.yaml',
  );
const order = (of: Image, more: Partial<BakeOrder> = {}): BakeOrder => ({
  image: of,
  fingerprint: `sha256:${'a'.repeat(64)}`,
  base: { kind: 'none' },
  steps: [],
  rolePaths: ['libs/roles'],
  variables: of.variables,
  tools: {},
  force: false,
  ...more,
});
const put = async (path: string, text: string): Promise<void> => {
  await mkdir(join(root, path, '..'), { recursive: true });
  await writeFile(join(root, path), text);
};
const failuresOf = async (
  of: Image,
  given: Partial<BakeOrder> = {},
  how: Call = call(),
): Promise<unknown> => {
  const built = await packer().build(order(of, given), how);
  return built.ok ? built : built.failures;
};

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'gt-packer-home-'));
  root = await mkdtemp(join(tmpdir(), 'gt-packer-root-'));
});
afterAll(async () => {
  for (const folder of [home, root]) await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  expect(await readdir(join(home, 'work')).catch(() => [])).toEqual([]);
  events = [];
});

describe('with a stub in the place of Packer', () => {
  const before = process.env['PATH'];
  let bin: string;
  const HCL =
    'variable "manifest" {}\nvariable "fingerprint" {}\nsource "null" "x" {}\nbuild {\n  sources = ["null.x"]\n  post-processor "manifest" { output = var.manifest }\n}\n';
  const manifest = (builds: readonly object[]): string =>
    JSON.stringify({
      last_run_uuid: '2',
      builds: builds.map((build) => ({ packer_run_uuid: '2', builder_type: 'x', files: null, ...build })),
    });
  /** A program called packer: `version` answers 1.7.0, `build` runs the script with the var file as $vars. */
  const stub = async (build: string): Promise<void> => {
    const script = `#!/bin/sh
echo "$@" >>${root}/calls
case "$1" in
  version) echo 'Packer v1.7.0'; exit 0;;
  init) exit 0;;
esac
for word in "$@"; do case "$word" in -var-file=*variables.json) vars="\${word#-var-file=}";; esac; done
${build}
`;
    await writeFile(join(bin, 'packer'), script);
    await chmod(join(bin, 'packer'), 0o755);
  };
  beforeEach(async () => {
    bin = await mkdtemp(join(tmpdir(), 'gt-packer-bin-'));
    process.env['PATH'] = `${bin}${delimiter}${before ?? ''}`;
    await put('images/spec/t.pkr.hcl', HCL);
    await rm(join(root, 'calls'), { force: true });
  });
  afterEach(async () => {
    process.env['PATH'] = before;
    await rm(bin, { recursive: true });
  });
  const write = (
    json: string,
  ): string => `node -e 'const v = JSON.parse(require("fs").readFileSync(process.argv[1]));
require("fs").writeFileSync(v.manifest, process.argv[2]); require("fs").writeFileSync(process.argv[3], JSON.stringify(v))' "$vars" '${json}' ${root}/vars`;

  it('hands over what the template declares, and what the declaration says', async () => {
    await stub(
      write(
        manifest([
          { name: 'x', artifact_id: 'eu-central-1:ami-0', builder_type: 'amazon-ebs', packer_run_uuid: '1' },
          { name: 'x', artifact_id: 'eu-central-1:ami-1', builder_type: 'amazon-ebs' },
        ]),
      ),
    );
    const of = image('t.pkr.hcl', {
      only: ['null.x'],
      variables: { size: 3, tags: ['a'] },
      var_files: ['more.pkrvars.hcl'],
    });
    const built = value(await packer().build(order(of, { force: true }), call()));
    const { manifest: file, ...vars } = JSON.parse(readFileSync(join(root, 'vars'), 'utf8')) as {
      manifest: string;
    };
    expect(vars).toEqual({ fingerprint: `sha256:${'a'.repeat(64)}`, size: 3, tags: ['a'] });
    expect(file.startsWith(`${home}/work/`)).toBe(true);
    const calls = readFileSync(join(root, 'calls'), 'utf8').split('\n');
    expect(calls).toContain('init t.pkr.hcl');
    expect(calls.at(-2)).toMatch(
      /^build -machine-readable -force -only=null\.x -var-file=more\.pkrvars\.hcl -var-file=\S+ t\.pkr\.hcl$/,
    );
    expect(built).toMatchObject({
      base: null,
      layers: [],
      size: 0,
      external: [{ builder: 'amazon-ebs', id: 'eu-central-1:ami-1' }],
    });
    expect(value(await packer().build(order(of), call())).digest).toBe(built.digest);
  });

  it('names files by their content', async () => {
    await stub(
      `echo disk >${root}/images/spec/disk.raw\n${write(manifest([{ name: 'q', artifact_id: 'VM', builder_type: 'qemu', files: [{ name: 'disk.raw', size: 5 }] }]))}`,
    );
    const built = value(await packer().build(order(image('t.pkr.hcl')), call()));
    const digest = `sha256:${execFileSync('sha256sum', [join(root, 'images/spec/disk.raw')], { encoding: 'utf8' }).slice(0, 64)}`;
    expect(built).toMatchObject({
      digest,
      size: 5,
      external: [{ builder: 'qemu', id: 'images/spec/disk.raw' }],
    });
  });

  it('takes what Packer reports where no manifest is written, and says what to add where it reports nothing', async () => {
    await put('images/spec/t.pkr.hcl', 'source "null" "x" {}\nbuild { sources = ["null.x"] }\n');
    await stub(
      "echo '1700000000,amazon-ebs.x,artifact,0,builder-id,mitchellh.amazonebs'; echo '1700000000,amazon-ebs.x,artifact,0,id,eu:ami-2'",
    );
    expect(value(await packer().build(order(image('t.pkr.hcl')), call())).external).toEqual([
      { builder: 'amazon-ebs', id: 'eu:ami-2' },
    ]);
    await stub('exit 0');
    expect(await failuresOf(image('t.pkr.hcl'))).toMatchObject([
      { code: 'usage', hint: expect.stringContaining('post-processor "manifest"') },
    ]);
  });

  it('finds a manifest that the template has written elsewhere', async () => {
    await put('images/spec/own.pkr.hcl', HCL.replace('var.manifest', '"${path.root}/made.json"'));
    await stub(`echo '${manifest([{ name: 'x', artifact_id: 'ami-3' }])}' >${root}/images/spec/made.json`);
    expect(value(await packer().build(order(image('own.pkr.hcl')), call())).external).toEqual([
      { builder: 'x', id: 'ami-3' },
    ]);
  });

  it('does not believe a manifest that is none', async () => {
    await stub(write('{"builds": 1}'));
    expect(await failuresOf(image('t.pkr.hcl'))).toMatchObject([
      { code: 'content-corrupt', expected: 'a manifest' },
    ]);
  });

  it('streams what is said, and keeps all of it', async () => {
    await stub(
      "echo '1700000000,,ui,say,==> null.x: one%!(PACKER_COMMA) two\\\\nthree'; echo '1700000000,null.x,error,it broke'; exit 1",
    );
    const [failure] = (await failuresOf(image('t.pkr.hcl'))) as [
      { code: string; detail: string; log: string },
    ];
    expect(failure).toMatchObject({ code: 'tool-failed', tool: 'packer', detail: 'null.x: it broke' });
    expect(readFileSync(failure.log, 'utf8')).toBe('==> null.x: one, two\nthree\n');
    expect(events).toContainEqual({ type: 'output', project: 'spec', line: '==> null.x: one, two' });
  });

  it('stops a run that hangs', async () => {
    await stub("echo '1700000000,,ui,say,waiting'; exec sleep 600");
    const stop = new AbortController();
    const watching = call(stop.signal, (event) =>
      event.type === 'output' && event.line === 'waiting' ? stop.abort() : undefined,
    );
    expect(await failuresOf(image('t.pkr.hcl'), {}, watching)).toEqual([{ code: 'cancelled' }]);
  });

  it('says where a disk is full, and what is missing', async () => {
    await stub("echo '1700000000,null.x,error,write /x: no space left on device'; exit 1");
    expect(await failuresOf(image('t.pkr.hcl'))).toEqual([{ code: 'disk-full', folder: home }]);
    await put('images/spec/image.yaml', 'packer:\n  template: none.pkr.hcl\n');
    expect(await failuresOf(image('none.pkr.hcl'))).toMatchObject([
      { code: 'reference-missing', at: { line: 2, column: 13 }, name: 'none.pkr.hcl' },
    ]);
    expect(value(await packer().variant(image('t.pkr.hcl'), call()))).toBe('packer');
  });
});

builderContract('Packer with a stub in its place', async () => {
  const before = process.env['PATH'];
  const bin = await mkdtemp(join(tmpdir(), 'gt-packer-bin-'));
  process.env['PATH'] = `${bin}${delimiter}${before ?? ''}`;
  await put(
    'images/spec/t.pkr.hcl',
    'variable "manifest" {}\nsource "null" "x" {}\nbuild {\n  sources = ["null.x"]\n  post-processor "manifest" { output = var.manifest }\n}\n',
  );
  const script = `#!/usr/bin/env node
const { readFileSync, writeFileSync } = require('node:fs');
if (process.argv[2] !== 'build') process.exit(0);
const vars = process.argv.find((word) => word.endsWith('variables.json')).replace('-var-file=', '');
const { content, manifest } = JSON.parse(readFileSync(vars));
const say = (text) => console.log('1700000000,,ui,message,    null.x: ' + text.replaceAll(',', '%!(PACKER_COMMA)'));
if (content === 'fail') {
  say('Executing Ansible: ansible-playbook');
  say('TASK [Try] ***');
  say('fatal: [x]: FAILED! => {"changed": true, "msg": "no such luck"}');
  process.exit(1);
}
if (content === 'wait') say('waiting'), setTimeout(() => {}, 600000);
else {
  writeFileSync('out', content);
  const build = { name: 'x', builder_type: 'file', artifact_id: 'File', files: [{ name: 'out', size: 3 }], packer_run_uuid: '1' };
  writeFileSync(manifest, JSON.stringify({ last_run_uuid: '1', builds: [build] }));
}
`;
  await writeFile(join(bin, 'packer'), script, { mode: 0o755 });
  const ordered = (content: string): BakeOrder => order(image('t.pkr.hcl', { variables: { content } }));
  return {
    builder: packer(),
    order: ordered,
    failing: ordered('fail'),
    endless: { order: ordered('wait'), begun: /waiting/ },
    reproducible: true,
    withoutTool: (given, how) => without('packer', () => packer().build(given, how)),
    // What is no container image stays where Packer put it.
    has: async (digest) =>
      digest ===
      `sha256:${createHash('sha256')
        .update(readFileSync(join(root, 'images/spec/out')))
        .digest('hex')}`,
    leftovers: () => readdir(join(home, 'work')),
    dispose: async () => {
      process.env['PATH'] = before;
      await rm(bin, { recursive: true });
    },
  };
});
