import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  usedImage,
  type BakeOrder,
  type Call,
  type Event,
  type Image,
  type Layer,
  type Result,
} from '@goldenthread/core';
import {
  builderContract,
  clone,
  containersOf,
  forgetImages,
  miniRoot,
  realDocker,
  runSource,
  tarOf,
  without,
} from '@goldenthread/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBlobs } from '../store/blobs.ts';
import { createPacker } from './packer.ts';

const SECONDS = 1000;
const docker = await realDocker("Packer's Docker builder", ['docker', 'packer', 'ansible-playbook', 'ldd']);
const folder = mkdtempSync(join(tmpdir(), 'goldenthread-packer-'));
const [root, home] = [join(folder, 'root'), join(folder, 'home')];
const blobs = createBlobs(home);
const packer = createPacker({ root, home, blobs });
const TEMPLATE = readFileSync(join(clone, 'images/edge/edge.pkr.hcl'), 'utf8');

const call = (
  signal = new AbortController().signal,
  emit: (event: Event) => void = () => undefined,
): Call => ({ signal, emit });
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};
const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const play = (raw: string, name = 'Run'): void =>
  put(
    'images/spec/playbook.yml',
    JSON.stringify([{ hosts: 'all', gather_facts: false, roles: ['greeting'], tasks: [{ name, raw }] }]),
  );

let base: { readonly digest: string; readonly layers: readonly Layer[] };
const image = (template: string, variables: object = {}): Image =>
  usedImage(
    { packer: { template, only: [], variables: variables as never, var_files: [] } },
    'images/spec',
    'images/spec/image.yaml',
  );
const orderOf = (of: Image): BakeOrder => ({
  image: of,
  fingerprint: `sha256:${'a'.repeat(64)}`,
  base: { kind: 'artifact', artifact: base as never },
  steps: [],
  rolePaths: ['libs/roles'],
  variables: {},
  tools: {},
  force: false,
});
const failuresOf = async (template: string, given: Call = call()): Promise<unknown> => {
  const built = await packer.build(orderOf(image(template)), given);
  return built.ok ? built : built.failures;
};
const left = (): readonly string[] => {
  const list = [
    'ps',
    '-a',
    '--no-trunc',
    '--filter',
    'volume=/packer-files',
    '--format',
    '{{.Names}} {{.Mounts}}',
  ];
  const mounting = execFileSync('docker', list, { encoding: 'utf8' }).split('\n');
  return [
    ...containersOf(process.pid),
    ...readdirSync(join(home, 'work')),
    ...mounting.filter((line) => line.includes(folder)),
  ];
};

beforeAll(async () => {
  miniRoot(join(folder, 'mini'));
  const tar = async function* (): AsyncGenerator<Uint8Array> {
    yield tarOf(join(folder, 'mini'));
  };
  const layer = { ...value(await blobs.write(tar(), call())), step: 'base' };
  base = { digest: value(await blobs.image([layer], {}, call())).digest, layers: [layer] };
  put(
    'libs/roles/greeting/tasks/main.yml',
    '- name: Greet\n  raw: echo "hello {{ inventory_hostname }}" >/etc/greeting\n',
  );
});
beforeEach(() => put('images/spec/edge.pkr.hcl', TEMPLATE));
afterAll(async () => {
  if (docker.missing === null) forgetImages('spec', 'spec-base');
  await docker.stop();
  rmSync(folder, { recursive: true, force: true });
});

builderContract(
  'Packer in Docker',
  async () => {
    const given = TEMPLATE.replace(
      'ansible_connection=docker',
      'ansible_connection=docker content=${var.content}',
    );
    const order = (content: string): BakeOrder => {
      put(
        'images/spec/contract.pkr.hcl',
        `${given.replace('playbook.yml', 'contract.yml')}\nvariable "content" {}\n`,
      );
      const tasks = [
        { raw: 'echo no such luck; false', when: 'content == "fail"' },
        { name: 'Wait', raw: 'sleep 600', when: 'content == "wait"' },
        { raw: 'echo {{ content }} >/etc/content' },
      ];
      put('images/spec/contract.yml', JSON.stringify([{ hosts: 'all', gather_facts: false, tasks }]));
      return orderOf(image('contract.pkr.hcl', { content }));
    };
    return {
      builder: packer,
      order,
      failing: order('fail'),
      endless: { order: order('wait'), begun: /TASK \[Wait\]/ },
      reproducible: false,
      withoutTool: (given, call) => without('packer', () => packer.build(given, call)),
      has: blobs.has,
      leftovers: async () => left(),
      dispose: async () => undefined,
    };
  },
  docker.missing,
);

describe.skipIf(docker.missing !== null)('Packer itself', () => {
  it(
    'bakes the template of images/edge, and the image is kept',
    async () => {
      play('true');
      const events: Event[] = [];
      const order = orderOf(image('edge.pkr.hcl'));
      const built = value(
        await packer.build(
          order,
          call(undefined, (event) => void events.push(event)),
        ),
      );
      expect(built.base).toEqual({ digest: base.digest });
      expect(built.external).toEqual([]);
      expect(built.layers.map(({ step }) => step)).toEqual(['base', 'packer images/spec/edge.pkr.hcl']);
      const top = blobs.path(built.layers[1]?.digest ?? '');
      expect(execFileSync('tar', ['-xOf', top, 'etc/greeting'], { encoding: 'utf8' })).toBe('hello edge\n');
      const manifest = JSON.parse(readFileSync(blobs.path(built.digest), 'utf8')) as {
        config: { digest: string };
      };
      const config: unknown = JSON.parse(readFileSync(blobs.path(manifest.config.digest), 'utf8'));
      expect(config).toMatchObject({ config: { Cmd: ['/sbin/init'], ExposedPorts: { '80/tcp': {} } } });
      expect(events).toContainEqual({
        type: 'output',
        project: 'spec',
        line: expect.stringContaining('TASK [greeting : Greet]') as string,
      });
      const tag = `goldenthread/spec:${built.digest.slice(7, 19)}`;
      expect(execFileSync('docker', ['images', '-q', tag], { encoding: 'utf8' })).not.toBe('');
      expect(left()).toEqual([]);
    },
    60 * SECONDS,
  );

  it('has its programs depend on what the template uses', async () => {
    const variant = value(await packer.variant(image('edge.pkr.hcl'), call()));
    expect(variant).toBe('packer+docker+ansible');
    expect(packer.tools(image('edge.pkr.hcl'), variant).map(({ name }) => name)).toEqual([
      'packer',
      'docker',
      'ansible-playbook',
    ]);
  });

  it(
    'shows the task that failed',
    async () => {
      play('echo because >&2; exit 3', 'Say no, aloud');
      const [failure] = (await failuresOf('edge.pkr.hcl')) as readonly [
        { readonly log: string; readonly detail: string },
      ];
      expect(failure).toMatchObject({
        code: 'step-failed',
        image: 'spec',
        step: 'images/spec/edge.pkr.hcl',
        task: 'Say no, aloud',
      });
      expect(failure.detail).toContain('because');
      expect(existsSync(failure.log)).toBe(true);
    },
    60 * SECONDS,
  );

  it(
    'shows where a template or a playbook is wrong',
    async () => {
      put('images/spec/edge.pkr.hcl', TEMPLATE.replace('commit = true', 'commit = = true'));
      expect(await failuresOf('edge.pkr.hcl')).toMatchObject([
        { code: 'source-unparsable', at: { file: 'images/spec/edge.pkr.hcl', text: '  commit = = true' } },
      ]);
      put('images/spec/edge.pkr.hcl', TEMPLATE.replace('post-processor "manifest"', 'frobnicate "manifest"'));
      expect(await failuresOf('edge.pkr.hcl')).toMatchObject([
        {
          code: 'source-unparsable',
          at: { file: 'images/spec/edge.pkr.hcl', text: '  frobnicate "manifest" {' },
          detail: 'Unsupported block type: Blocks of type "frobnicate" are not expected here.',
        },
      ]);
      put('images/spec/edge.pkr.hcl', TEMPLATE);
      put('images/spec/playbook.yml', '- hosts: all\n  tasks:\n    - command: "x\n');
      const [failure] = (await failuresOf('edge.pkr.hcl')) as readonly [{ readonly detail: string }];
      expect(failure).toMatchObject({ code: 'step-failed', task: 'reading the play' });
      expect(failure.detail).toMatch(/^images\/spec\/playbook\.yml:\d+:\d+: /);
      put(
        'images/spec/old.json',
        '{\n  "builders": [{ "type": "null", "communicator": "none" }],\n  "frob": 1\n}\n',
      );
      expect(await failuresOf('old.json')).toMatchObject([
        {
          code: 'source-unparsable',
          at: { line: 3, column: 3 },
          detail: "Unknown root level key in template: 'frob'",
        },
      ]);
    },
    60 * SECONDS,
  );

  it('runs old templates, to which it hands text alone', async () => {
    const inline = ['echo a={{user `a`}} list={{user `list`}}'];
    const old = {
      variables: { a: '', list: '' },
      builders: [{ type: 'null', communicator: 'none' }],
      provisioners: [{ type: 'shell-local', inline }],
    };
    put('images/spec/old.json', JSON.stringify(old));
    const lines: string[] = [];
    const emit = (event: Event): void => void (event.type === 'output' && lines.push(event.line));
    const built = value(
      await packer.build(orderOf(image('old.json', { a: 5, list: ['x', 2] })), call(undefined, emit)),
    );
    expect(built).toMatchObject({ layers: [], base: null, external: [{ builder: 'null', id: 'Null' }] });
    expect(lines.join('\n')).toContain('a=5 list=[x,2]');
  });
});

describe.skipIf(docker.missing !== null)('a run of Packer that is killed', () => {
  it(
    'has its container taken away even where the template names it and Packer had no time',
    async () => {
      const shell = 'provisioner "shell" {\n    inline = ["echo here; sleep 600"]\n  }';
      put(
        'images/spec/own.pkr.hcl',
        TEMPLATE.replace('"--name", var.container_name,', '').replace(
          /provisioner "ansible" \{[\s\S]*?\n {2}\}/,
          shell,
        ),
      );
      const kill = (event: Event): void => {
        if (event.type !== 'output' || !/: here$/.test(event.line)) return;
        for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
          const words = existsSync(`/proc/${pid}/cmdline`)
            ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
            : [];
          if (words.includes('own.pkr.hcl') && words.join().includes(folder))
            process.kill(Number(pid), 'SIGKILL');
        }
      };
      expect(await failuresOf('own.pkr.hcl', call(undefined, kill))).toMatchObject([
        { code: 'tool-failed', tool: 'packer' },
      ]);
      expect(left()).toEqual([]);
    },
    60 * SECONDS,
  );

  it(
    'clears up after us when we are killed ourselves',
    async () => {
      play('sleep 600', 'Wait');
      const source = `file://${clone}/libs/adapters/src`;
      const child = runSource(
        `import { createPacker } from '${source}/builder/packer.ts';
import { createBlobs } from '${source}/store/blobs.ts';
const home = ${JSON.stringify(home)};
const emit = (event) => event.type === 'output' ? console.error(event.line) : undefined;
const call = { signal: new AbortController().signal, emit };
await createPacker({ root: ${JSON.stringify(root)}, home, blobs: createBlobs(home) }).build(${JSON.stringify(orderOf(image('edge.pkr.hcl')))}, call);`,
        clone,
      );
      const closed = once(child, 'close');
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('TASK [Wait]')) child.kill('SIGKILL');
      });
      await closed;
      expect(said).toContain('TASK [Wait]');
      await expect.poll(() => containersOf(child.pid ?? 0), { timeout: 20 * SECONDS }).toEqual([]);
      play('true');
      value(await packer.build(orderOf(image('edge.pkr.hcl')), call()));
      expect(left()).toEqual([]);
    },
    60 * SECONDS,
  );
});
