import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  usedImage,
  type BakeOrder,
  type Blobs,
  type Built,
  type Call,
  type Layer,
  type Result,
  type Step,
} from '@goldenthread/core';
import {
  builderContract,
  clone,
  containersOf,
  debianTar,
  forgetImages,
  miniRoot,
  realDocker,
  runSource,
  tarOf,
  without,
  writeLayout,
} from '@goldenthread/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../docker/engine.ts';
import { createBlobs } from '../store/blobs.ts';
import { createDockerBackend } from './docker.ts';
import { throughSave } from './docker-place.ts';
import { createLayered } from './layered.ts';

const SECONDS = 1000;
const docker = await realDocker('the docker back end', ['docker', 'mmdebstrap', 'ansible-playbook', 'ldd']);
const folder = mkdtempSync(join(tmpdir(), 'goldenthread-docker-'));
const root = join(folder, 'root');
let base = '';

beforeAll(() => {
  mkdirSync(join(root, 'images/spec'), { recursive: true });
  miniRoot(join(folder, 'mini'));
  const tar = tarOf(join(folder, 'mini'));
  mkdirSync(join(folder, 'more/etc'), { recursive: true });
  execFileSync('touch', [join(folder, 'more/etc/.wh.issue'), join(folder, 'more/etc/above')]);
  base = writeLayout(join(root, 'mini'), [{ tar, gzip: true }]);
  writeLayout(join(root, 'two'), [{ tar, gzip: true }, { tar: tarOf(join(folder, 'more')) }]);
});
afterAll(async () => {
  if (docker.missing === null) forgetImages('spec-layers');
  await docker.stop();
  rmSync(folder, { recursive: true, force: true });
});

const quiet = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};
const step = (name: string, ...commands: readonly string[]): Step => ({
  name,
  folder: 'images/spec',
  fingerprint: `sha256:${name}-${commands.join()}`,
  play: { hosts: 'all', gather_facts: false, tasks: commands.map((raw) => ({ name: `Run ${name}`, raw })) },
});
const orderOf = (...steps: readonly Step[]): BakeOrder => {
  const source = { oci: `mini@${base}` };
  return {
    image: usedImage(
      { base: source, roles: ['spec'], backend: 'docker' },
      'images/spec',
      'images/spec/image.yaml',
    ),
    fingerprint: 'sha256:0',
    base: { kind: 'source', source },
    steps,
    rolePaths: [],
    variables: {},
    tools: { 'ansible-playbook': '1' },
    force: false,
  };
};
const partsIn = (home: string): { root: string; home: string; blobs: Blobs } => {
  mkdirSync(join(folder, home), { recursive: true });
  return { root, home: join(folder, home), blobs: createBlobs(join(folder, home)) };
};
const builderIn = (home: string): ReturnType<typeof createLayered> =>
  createLayered(partsIn(home), [createDockerBackend(partsIn(home))]);
const leftIn = (home: string): readonly string[] => [
  ...containersOf(process.pid),
  ...readdirSync(join(folder, home, 'work')),
];
const list = (home: string, layer: Pick<Layer, 'digest'> | undefined): readonly string[] =>
  execFileSync('tar', ['-tf', partsIn(home).blobs.path(layer?.digest ?? '')], { encoding: 'utf8' }).split(
    '\n',
  );

builderContract(
  'layered in Docker',
  async () => {
    const builder = builderIn('contract');
    return {
      builder,
      order: (content) => orderOf(step('write', `echo ${content} >/etc/content`)),
      failing: orderOf(step('fail', 'echo no such luck; false')),
      endless: { order: orderOf(step('wait', 'sleep 600')), begun: /TASK \[Run wait\]/ },
      reproducible: true,
      withoutTool: (order, call) => without('ansible-playbook', () => builder.build(order, call)),
      has: partsIn('contract').blobs.has,
      leftovers: async () => leftIn('contract'),
      dispose: async () => undefined,
    };
  },
  docker.missing,
);

describe.skipIf(docker.missing !== null)('a bake in Docker', () => {
  it(
    'takes into a layer what a step changed, and nothing of what it needed to run',
    async () => {
      const { blobs } = partsIn('debian');
      const layer = {
        ...value(await blobs.write(createReadStream(await debianTar()), quiet())),
        step: 'base',
      };
      const order: BakeOrder = {
        ...orderOf(
          step(
            'install',
            'apt-get install -qy tree',
            'rm /etc/issue; echo noise >/tmp/noise; echo noise >/var/log/noise',
          ),
        ),
        base: { kind: 'artifact', artifact: { digest: 'sha256:base', layers: [layer] } as never },
      };
      const built: Built = value(await builderIn('debian').build(order, quiet()));
      expect(built.layers.map((one) => one.step)).toEqual(['base', 'install']);
      const names = list('debian', built.layers[1]);
      expect(names).toEqual(
        expect.arrayContaining(['./usr/bin/tree', './etc/.wh.issue', './var/lib/dpkg/status']),
      );
      expect(names.join('\n')).not.toMatch(
        /noise|policy-rc\.d|\.ansible|pkgcache|\.deb$|var\/lib\/apt\/lists\/./m,
      );
      expect(leftIn('debian')).toEqual([]);
    },
    180 * SECONDS,
  );

  it(
    'has the way through save where the files of the daemon cannot be read',
    async () => {
      const parts = partsIn('save');
      const engine = createEngine(parts.blobs);
      const session = value(await createDockerBackend(parts).open('spec', join(parts.home, 'log'), quiet()));
      const below = value(await session.base({ oci: `mini@${base}` }, quiet()));
      value(await session.place([below], quiet()));
      const [container = ''] = containersOf(process.pid);
      execFileSync('docker', [
        'exec',
        container,
        'sh',
        '-c',
        'echo saved >/etc/saved; rm /etc/issue; echo no >/tmp/no',
      ]);
      const layer = value(await throughSave({ engine, blobs: parts.blobs, container, begun: 0 }, quiet()));
      await session.close();
      expect(list('save', layer)).toEqual(expect.arrayContaining(['etc/saved', 'etc/.wh.issue']));
      expect(list('save', layer)).not.toContain('tmp/no');
      expect(leftIn('save')).toEqual([]);
    },
    60 * SECONDS,
  );

  it(
    'makes one layer of an image of several',
    async () => {
      const parts = partsIn('flat');
      const session = value(await createDockerBackend(parts).open('spec', join(parts.home, 'log'), quiet()));
      const index = execFileSync('cat', [join(root, 'two/index.json')], { encoding: 'utf8' });
      const { manifests } = JSON.parse(index) as { manifests: readonly { digest: string }[] };
      const layer = value(await session.base({ oci: `two@${manifests[0]?.digest ?? ''}` }, quiet()));
      await session.close();
      const names = list('flat', layer);
      expect(names).toContain('etc/above');
      expect(names).not.toContain('etc/issue');
      expect(leftIn('flat')).toEqual([]);
    },
    60 * SECONDS,
  );

  it(
    'leaves to the next bake what it cannot clear away itself when it is killed',
    async () => {
      const { home } = partsIn('killed');
      const source = `file://${clone}/libs/adapters/src`;
      const child = runSource(
        `import { createLayered } from '${source}/builder/layered.ts';
import { createDockerBackend } from '${source}/builder/docker.ts';
import { createBlobs } from '${source}/store/blobs.ts';
const parts = { root: ${JSON.stringify(root)}, home: ${JSON.stringify(home)}, blobs: createBlobs(${JSON.stringify(home)}) };
const emit = (event) => event.type === 'output' ? console.error(event.line) : undefined;
const call = { signal: new AbortController().signal, emit };
await createLayered(parts, [createDockerBackend(parts)]).build(${JSON.stringify(orderOf(step('wait', 'sleep 600')))}, call);`,
        clone,
      );
      const closed = once(child, 'close');
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('TASK [Run wait]')) child.kill('SIGKILL');
      });
      await closed;
      expect(said).toContain('TASK [Run wait]');
      expect(containersOf(child.pid ?? 0)).toHaveLength(1);
      value(await builderIn('killed').build(orderOf(step('write', 'echo 1 >/etc/x')), quiet()));
      expect(containersOf(child.pid ?? 0)).toEqual([]);
      expect(leftIn('killed')).toEqual([]);
    },
    60 * SECONDS,
  );
});
