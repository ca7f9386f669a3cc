import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Blobs, Call, Layer, Result } from '@goldenthread/core';
import { forgetImages, miniRoot, realDocker, simpleBlobs, tarOf } from '@goldenthread/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { daemonAddress } from './client.ts';
import { createEngine, type Engine } from './engine.ts';
import { KEPT, ownedName, owner, ownerLabels } from './owner.ts';

const call = (signal = new AbortController().signal): Call => ({ signal, emit: () => undefined });
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};

const docker = await realDocker('the Docker engine', ['docker', 'ldd']);
afterAll(() => docker.stop());

describe('without a daemon', () => {
  const without = async (host: string): Promise<unknown> => {
    vi.stubEnv('DOCKER_HOST', host);
    const folder = await mkdtemp(join(tmpdir(), 'gt-engine-'));
    const answer = await createEngine(simpleBlobs(folder)).ping(call());
    await rm(folder, { recursive: true });
    vi.unstubAllEnvs();
    return answer;
  };
  it('asks where the docker program itself would ask', async () => {
    const config = await mkdtemp(join(tmpdir(), 'gt-context-'));
    const key = createHash('sha256').update('elsewhere').digest('hex');
    await mkdir(join(config, 'contexts/meta', key), { recursive: true });
    await writeFile(join(config, 'config.json'), JSON.stringify({ currentContext: 'elsewhere' }));
    const meta = { Name: 'elsewhere', Endpoints: { docker: { Host: 'unix:///elsewhere.sock' } } };
    await writeFile(join(config, 'contexts/meta', key, 'meta.json'), JSON.stringify(meta));
    vi.stubEnv('DOCKER_HOST', undefined);
    vi.stubEnv('DOCKER_CONFIG', config);
    expect(daemonAddress()).toBe('unix:///elsewhere.sock');
    await rm(config, { recursive: true });
    expect(daemonAddress()).toBe('unix:///var/run/docker.sock');
    vi.unstubAllEnvs();
  });
  it('says in words that nothing answers', async () => {
    expect(await without('unix:///nowhere/docker.sock')).toEqual({
      ok: false,
      failures: [
        {
          code: 'unreachable',
          what: 'the Docker daemon',
          detail: 'nothing answers at unix:///nowhere/docker.sock (ENOENT)',
        },
      ],
    });
  });
});

describe.skipIf(docker.missing !== null)('with a daemon', () => {
  let folder: string;
  let blobs: Blobs;
  let engine: Engine;
  let base: Layer;
  const containers: string[] = [];
  const run = (name: string, image: string, labels: Record<string, string> = {}): void => {
    containers.push(name);
    const flags = Object.entries(labels).flatMap(([key, text]) => ['--label', `${key}=${text}`]);
    execFileSync('docker', [
      'run',
      '-d',
      '--network',
      'none',
      '--name',
      name,
      ...flags,
      image,
      'sleep',
      'infinity',
    ]);
  };
  const names = (): string[] =>
    execFileSync('docker', ['ps', '-a', '--format', '{{.Names}}'], { encoding: 'utf8' }).split('\n');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gt-engine-'));
    blobs = simpleBlobs(folder);
    engine = createEngine(blobs);
    miniRoot(join(folder, 'mini'));
    const tar = async function* (): AsyncGenerator<Uint8Array> {
      yield tarOf(join(folder, 'mini'));
    };
    base = { ...value(await blobs.write(tar(), call())), step: 'base' };
  });
  afterAll(async () => {
    for (const name of containers) await engine.remove(name, call());
    forgetImages('spec-engine');
    await rm(folder, { recursive: true, force: true });
  });

  const artifact = async (cmd: string): Promise<string> =>
    value(await blobs.image([base], { cmd: [cmd], env: { A: 'b' } }, call())).digest;

  it('loads an artifact once, under the digest of its configuration', async () => {
    const digest = await artifact('one');
    const id = value(await engine.load({ digest }, call()));
    const manifest = JSON.parse(await readFile(blobs.path(digest), 'utf8')) as { config: { digest: string } };
    expect(id).toBe(manifest.config.digest);
    expect(value(await engine.load({ digest }, call()))).toBe(id);
    const tag = value(await engine.tag(id, 'spec-engine', digest, call()));
    expect(tag).toBe(`goldenthread/spec-engine:${digest.slice(7, 19)}`);
    expect(
      execFileSync('docker', ['inspect', '-f', '{{.Id}} {{.Config.Env}}', tag], { encoding: 'utf8' }).trim(),
    ).toBe(`${id} [A=b]`);
  });

  it('gives up names that nobody has used for a day', async () => {
    const list = ['images', '--format', '{{.Tag}}', 'goldenthread/spec-engine'];
    const names = (): string => execFileSync('docker', list, { encoding: 'utf8' }).trim();
    const [old, young] = [await artifact('old'), await artifact('young')];
    value(await engine.tag(value(await engine.load({ digest: old }, call())), 'spec-engine', old, call()));
    const id = value(await engine.load({ digest: young }, call()));
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 24 * 3600 * 1000 });
    value(await engine.tag(id, 'spec-engine', 'sha256:newest', call()));
    vi.useRealTimers();
    expect(names()).toBe('newest');
    expect(value(await engine.load({ digest: young }, call()))).toBe(id);
  });

  it('reads back what a container changed, with the configuration that was committed', async () => {
    const id = value(await engine.load({ digest: await artifact('two') }, call()));
    const name = ownedName('spec-save');
    run(name, id);
    execFileSync('docker', ['exec', name, 'sh', '-c', 'echo hi > /etc/hello; rm /etc/issue']);
    const committed = execFileSync('docker', ['commit', '--change', 'CMD ["hello"]', name], {
      encoding: 'utf8',
    }).trim();
    const saved = value(await engine.save(committed, call()));
    expect(saved.layers[0]).toEqual({ digest: base.digest, size: base.size });
    expect(saved.layers).toHaveLength(2);
    const top = blobs.path(saved.layers[1]?.digest ?? '');
    expect(execFileSync('tar', ['-tf', top], { encoding: 'utf8' }).split('\n')).toEqual(
      expect.arrayContaining(['etc/hello', 'etc/.wh.issue']),
    );
    expect(JSON.parse(saved.config.toString())).toMatchObject({ config: { Cmd: ['hello'], Env: ['A=b'] } });
  });

  it('removes the containers of processes that have ended, and no others', async () => {
    const id = value(await engine.load({ digest: await artifact('three') }, call()));
    const gone = spawn('true');
    await new Promise((resolve) => gone.on('close', resolve));
    const dead = `goldenthread-${gone.pid}-1-${owner().scope}`;
    const ours = ownedName('spec-sweep');
    run(`${dead}-named`, id);
    run('gt-spec-labelled', id, { ...ownerLabels(), 'goldenthread.owner': `${process.pid}:1` });
    run('gt-spec-elsewhere', id, {
      ...ownerLabels(),
      'goldenthread.owner': `${gone.pid}:1`,
      'goldenthread.scope': '00000000',
    });
    run(`${KEPT}spec`, id, { ...ownerLabels(), 'goldenthread.owner': `${gone.pid}:1` });
    run(ours, id, ownerLabels());
    // Other specs sweep the same daemon, so how many are left for us is not to be told.
    value(await engine.sweep(call()));
    expect(names()).toEqual(expect.arrayContaining([ours, 'gt-spec-elsewhere', `${KEPT}spec`]));
    // Such a sweep may be at it just now: what it takes away is listed until it is gone.
    await expect.poll(names, { timeout: 20_000 }).not.toEqual(expect.arrayContaining([`${dead}-named`]));
    await expect.poll(names, { timeout: 20_000 }).not.toEqual(expect.arrayContaining(['gt-spec-labelled']));
    expect(await engine.remove(`${dead}-named`, call())).toEqual({ ok: true, value: undefined });
  });

  it('says what the daemon objected to, and which blob is missing', async () => {
    expect(await engine.save('sha256:' + '0'.repeat(64), call())).toMatchObject({
      ok: false,
      failures: [{ code: 'tool-failed', tool: 'docker' }],
    });
    const digest = await artifact('four');
    const manifest = JSON.parse(await readFile(blobs.path(digest), 'utf8')) as { config: { digest: string } };
    await rm(blobs.path(manifest.config.digest));
    expect(await engine.load({ digest }, call())).toMatchObject({
      ok: false,
      failures: [{ code: 'content-corrupt', found: 'nothing' }],
    });
    expect(await engine.load({ digest: await artifact('five') }, call(AbortSignal.abort()))).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
  });
});
