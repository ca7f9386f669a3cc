import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Account } from '@goldenthread/core';
import {
  fakeRegistry,
  missingTools,
  ociArtifact,
  REGISTRY_PROGRAMS,
  startRegistry,
  storeContract,
  type StoreUnderTest,
} from '@goldenthread/testing';
import { afterAll } from 'vitest';
import type { Parts } from '../parts.ts';
import { createBlobs } from './blobs.ts';
import { createArtifactStore } from './oci.ts';
import type { OciAccount } from './places.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-store-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function newParts(): Parts {
  const root = join(folder, `${(count += 1)}`);
  mkdirSync(root);
  return { root, home: join(root, 'home'), blobs: createBlobs(join(root, 'home')) };
}

const directory = (name: string): Account & OciAccount => ({
  kind: 'directory',
  name,
  path: `accounts/${name}`,
});
const oci = (name: string, registry: string, ca: string | null = null): Account & OciAccount => ({
  kind: 'oci',
  name,
  registry,
  ca,
});

interface World {
  readonly at: OciAccount | null;
  readonly accounts: readonly [Account, Account];
  readonly dispose?: () => Promise<void>;
}

const under = (make: (parts: Parts) => Promise<World>) => async (): Promise<StoreUnderTest> => {
  const parts = newParts();
  const { at, accounts, dispose = async () => undefined } = await make(parts);
  const store = createArtifactStore(parts, at, { patience: { pause: 5 } });
  return { store, accounts, dispose, artifact: (name) => ociArtifact(parts.blobs, name) };
};

storeContract(
  "this machine's own folder",
  under(async () => ({ at: null, accounts: [directory('one'), directory('two')] })),
);

storeContract(
  'a layout folder',
  under(async () => ({ at: directory('store'), accounts: [directory('one'), directory('two')] })),
);

for (const referrers of [false, true])
  storeContract(
    `a registry ${referrers ? 'that lists referrers' : 'without a list of referrers'}`,
    under(async () => {
      const [own, other] = [await fakeRegistry(), await fakeRegistry()];
      own.behaviour.referrers = referrers;
      return {
        at: oci('store', `${own.host}/team`),
        accounts: [oci('one', `${own.host}/one`), oci('two', other.host)],
        dispose: async () => void (await Promise.all([own.stop(), other.stop()])),
      };
    }),
  );

const missing = missingTools(...REGISTRY_PROGRAMS);

if (missing.length === 0) {
  storeContract(
    "Docker's registry",
    under(async () => {
      const registry = await startRegistry();
      return {
        at: oci('store', `${registry.host}/team`),
        accounts: [oci('one', `${registry.host}/one`), directory('two')],
        dispose: () => registry.stop(),
      };
    }),
  );

  storeContract(
    "Docker's registry over TLS with a password",
    under(async ({ root }) => {
      const login = { tls: true, user: 'ann', password: 'secret' };
      const [own, other] = [await startRegistry(login), await startRegistry({ ...login, password: 'else' })];
      const auth = (password: string): { auth: string } => ({
        auth: Buffer.from(`ann:${password}`).toString('base64'),
      });
      await mkdir(root, { recursive: true });
      await writeFile(
        join(root, 'config.json'),
        JSON.stringify({ auths: { [own.host]: auth('secret'), [other.host]: auth('else') } }),
      );
      const before = process.env['DOCKER_CONFIG'];
      process.env['DOCKER_CONFIG'] = root;
      await copyFile(own.ca ?? '', join(root, 'own.pem'));
      await copyFile(other.ca ?? '', join(root, 'other.pem'));
      return {
        at: oci('store', `${own.host}/team`, 'own.pem'),
        accounts: [oci('one', `${own.host}/one`, 'own.pem'), oci('two', other.host, 'other.pem')],
        dispose: async () => {
          if (before === undefined) delete process.env['DOCKER_CONFIG'];
          else process.env['DOCKER_CONFIG'] = before;
          await Promise.all([own.stop(), other.stop()]);
        },
      };
    }),
  );
}
