import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ok,
  usedImage,
  type BakeOrder,
  type Call,
  type Event,
  type Layer,
  type Result,
  type Step,
} from '@goldenthread/core';
import { builderContract, without } from '@goldenthread/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBlobs } from '../store/blobs.ts';
import type { LayerBackend } from './backend.ts';
import { createLayered, layerKey } from './layered.ts';

// Stands for Ansible: writes what the play says to where the back end wants it, or does what the play's name asks.
const STUB = `#!/bin/sh
for last; do :; done
play=$(cat "$last")
echo "TASK [$play]"
case "$play" in
  *endless*) echo waiting; exec sleep 600 ;;
  *failing*) echo 'fatal: [spec]: FAILED! => {"msg": "no such luck"}'; exit 2 ;;
esac
printf '%s' "$play" >"$SPEC_PLACE"`;

/** A back end whose layers are what the stub wrote, and that counts what it was asked for. */
function stubBackend(
  blobs: ReturnType<typeof createBlobs>,
  home: string,
): LayerBackend & { readonly asked: string[] } {
  const asked: string[] = [];
  const bytes = async function* (text: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
  };
  const layer = async (text: string, step: string, call: Call): Promise<Result<Layer>> => {
    const written = await blobs.write(bytes(text), call);
    return written.ok ? ok({ ...written.value, step }) : written;
  };
  return {
    asked,
    name: 'overlay',
    tools: [],
    sourceTools: () => [],
    sourceKey: async () => null,
    supported: async () => ok(undefined),
    open: async () => {
      const work = await mkdtemp(join(home, 'session-'));
      const file = join(work, 'place');
      return ok({
        work,
        base: async (_source, call) => {
          asked.push('base');
          return layer('base', 'base', call);
        },
        place: async () =>
          ok({
            target: {
              host: 'nowhere',
              connection: 'local',
              beside: [],
              variables: {},
              env: { SPEC_PLACE: file },
            },
            capture: async (step, call) => {
              asked.push(step);
              // What follows a # is said in the play but makes no difference to the layer.
              return layer((await readFile(file, 'utf8')).replace(/#\w*/, ''), step, call);
            },
            close: async () => undefined,
          }),
        close: () => rm(work, { recursive: true, force: true }),
      });
    },
  };
}

const image = usedImage(
  { base: { mmdebstrap: { suite: 'bookworm', variant: 'minbase', packages: [] } }, roles: ['spec'] },
  'images/spec',
  'images/spec/image.yaml',
);
const step = (name: string, says: string): Step => ({
  name,
  folder: 'images/spec',
  fingerprint: `sha256:${name}-${says}`,
  play: { name: says },
});
const orderOf = (...steps: readonly Step[]): BakeOrder => ({
  image,
  fingerprint: 'sha256:0',
  base: { kind: 'source', source: { mmdebstrap: { suite: 'bookworm', variant: 'minbase', packages: [] } } },
  steps,
  rolePaths: [],
  variables: {},
  tools: { 'ansible-playbook': '1' },
  force: false,
});

let folder: string;
let path: string | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'goldenthread-layered-'));
  await mkdir(join(folder, 'root/images/spec'), { recursive: true });
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin/ansible-playbook'), STUB);
  await chmod(join(folder, 'bin/ansible-playbook'), 0o755);
  path = process.env['PATH'];
  process.env['PATH'] = `${join(folder, 'bin')}:${path}`;
});
afterAll(async () => {
  process.env['PATH'] = path;
  await rm(folder, { recursive: true, force: true });
});

async function subject(name: string): Promise<{
  builder: ReturnType<typeof createLayered>;
  home: string;
  blobs: ReturnType<typeof createBlobs>;
  asked: string[];
}> {
  const home = join(folder, name);
  await mkdir(home, { recursive: true });
  const blobs = createBlobs(home);
  const backend = stubBackend(blobs, home);
  return {
    builder: createLayered({ root: join(folder, 'root'), home, blobs }, [backend]),
    home,
    blobs,
    asked: backend.asked,
  };
}

builderContract('layered, over a stub of Ansible', async () => {
  const { builder, home, blobs } = await subject('contract');
  return {
    builder,
    order: (content) => orderOf(step('first', content), step('second', 'two')),
    failing: orderOf(step('first', 'one'), step('fails', 'failing')),
    endless: { order: orderOf(step('slow', 'endless')), begun: /waiting/ },
    reproducible: true,
    withoutTool: (order, call) => without('ansible-playbook', () => builder.build(order, call)),
    has: (digest) => blobs.has(digest),
    leftovers: async () => [
      ...(await readdir(join(home, 'work'))),
      ...(await readdir(home)).filter((name) => name.startsWith('session-')),
    ],
    dispose: async () => undefined,
  };
});

describe('a layered bake', () => {
  const run = async (
    builder: ReturnType<typeof createLayered>,
    order: BakeOrder,
  ): Promise<{ digest: string; states: string[] }> => {
    const events: Event[] = [];
    const built = await builder.build(order, {
      signal: new AbortController().signal,
      emit: (event) => void events.push(event),
    });
    if (!built.ok) throw new Error(JSON.stringify(built.failures));
    const states = events.flatMap((event) =>
      event.type === 'step' && event.state !== 'started' ? [`${event.step} ${event.state}`] : [],
    );
    return { digest: built.value.digest, states };
  };

  it('makes again only what has changed and what stands on it', async () => {
    const { builder, asked } = await subject('changed');
    await run(builder, orderOf(step('a', '1'), step('b', '1'), step('c', '1')));
    const changed = await run(builder, orderOf(step('a', '1'), step('b', '2'), step('c', '1')));
    expect(changed.states).toEqual(['base reused', 'a reused', 'b done', 'c done']);
    const same = await run(builder, orderOf(step('a', '1'), step('b', '2'), step('c', '1')));
    expect(same).toEqual({
      digest: changed.digest,
      states: ['base reused', 'a reused', 'b reused', 'c reused'],
    });
    expect(asked).toEqual(['base', 'a', 'b', 'c', 'b', 'c']);
  });

  it('stops at a step that was made again to the same content', async () => {
    const { builder } = await subject('cut-off');
    const first = await run(builder, orderOf(step('a', 'same#one'), step('b', '1')));
    const second = await run(builder, orderOf(step('a', 'same#two'), step('b', '1')));
    expect(second).toEqual({ digest: first.digest, states: ['base reused', 'a done', 'b reused'] });
  });

  it('makes a layer again whose content is gone', async () => {
    const { builder, blobs } = await subject('gone');
    const order = orderOf(step('a', '1'));
    const call = { signal: new AbortController().signal, emit: () => undefined };
    const built = await builder.build(order, call);
    if (!built.ok) throw new Error('not built');
    await rm(blobs.path(built.value.layers[1]?.digest ?? ''));
    expect(await run(builder, order)).toEqual({
      digest: built.value.digest,
      states: ['base reused', 'a done'],
    });
  });

  it('hands the configuration of its base on', async () => {
    const { builder, blobs } = await subject('config');
    const call = { signal: new AbortController().signal, emit: () => undefined };
    const parentImage = { ...image, config: { cmd: ['/bin/a'], env: { A: '1', B: '1' } } };
    const parent = await builder.build({ ...orderOf(step('a', '1')), image: parentImage }, call);
    if (!parent.ok) throw new Error('not built');
    const base = {
      kind: 'artifact',
      artifact: { ...parent.value, image: 'parent' },
    } as unknown as BakeOrder['base'];
    const child = await builder.build(
      { ...orderOf(step('b', '1')), base, image: { ...image, config: { env: { B: '2' } } } },
      call,
    );
    if (!child.ok) throw new Error('not built');
    const read = async (digest: string): Promise<Record<string, unknown>> =>
      JSON.parse(await readFile(blobs.path(digest), 'utf8')) as Record<string, unknown>;
    const manifest = await read(child.value.digest);
    const config = await read((manifest['config'] as { digest: string }).digest);
    expect(config['config']).toEqual({ Cmd: ['/bin/a'], Env: ['A=1', 'B=2'] });
    expect(child.value.layers.map((layer) => layer.step)).toEqual(['base', 'a', 'b']);
    expect(child.value.base).toEqual({ digest: parent.value.digest });
  });
});

describe('the key of a layer', () => {
  const inputs = { backend: 'overlay', below: ['sha256:a'], step: 'sha256:s', tools: { ansible: '1' } };
  it('depends on everything that decides the layer, and on nothing else', () => {
    const keys = [
      inputs,
      { ...inputs, backend: 'docker' },
      { ...inputs, below: ['sha256:b'] },
      { ...inputs, below: ['sha256:a', 'sha256:a'] },
      { ...inputs, step: 'sha256:t' },
      { ...inputs, tools: { ansible: '2' } },
    ].map(layerKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(layerKey({ ...inputs, tools: { ...inputs.tools } })).toBe(keys[0]);
  });
});
