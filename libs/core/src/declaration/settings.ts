import { z } from 'zod';
import type { Account } from '../account.ts';
import { Name } from './shared.ts';
import type { Settings } from '../settings.ts';

const Registry = z
  .string()
  .regex(
    /^[a-z0-9.-]+(:\d{1,5})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/,
    'a registry and a path without scheme or tag, such as registry.example/team',
  );

const Ca = z
  .string()
  .min(1)
  .regex(/^[^/\0\\][^\0\\]*$/, 'a relative path with forward slashes')
  .optional()
  .describe('File of certificates that the server is signed by, where the system does not know them');

const Oci = { oci: Registry.describe('Registry and path: registry.example/team'), ca: Ca };
const Directory = { directory: z.string().min(1).describe('An OCI layout folder') };

const Aws = z.strictObject({
  account: z.string().regex(/^\d{12}$/, 'an account number of twelve digits'),
  regions: z
    .record(z.string(), z.strictObject({ kms_key: z.string().optional() }))
    .default({})
    .describe('Regions it is copied to, each with the KMS key of the copy; none: where it was baked'),
});

const Azure = z.strictObject({
  subscription: z.uuid(),
  resource_group: z.string().min(1),
  gallery: z.string().regex(/^[A-Za-z0-9._]{1,80}$/, 'the name of a compute gallery'),
  regions: z.array(z.string().min(1)).min(1),
});

const Google = z.strictObject({
  member: z
    .string()
    .regex(
      /^(serviceAccount|group|user|domain|principalSet):\S+$/,
      'a member as IAM writes it, such as group:ops@example.com',
    ),
});

const WrittenAccount = z
  .union([
    z.strictObject(Oci),
    z.strictObject(Directory),
    z.strictObject({ aws: Aws }),
    z.strictObject({ azure: Azure }),
    z.strictObject({ google: Google }),
  ])
  .describe('A place that images are shared with');

/** .goldenthread.yaml as people write it. */
export const WrittenSettings = z
  .strictObject({
    $schema: z.string().optional().describe('Read by editors only'),
    ledger: z
      .strictObject({
        remote: z.string().min(1).optional().describe('Name of a git remote; origin where there is one'),
        branch: z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'the name of a branch')
          .default('deployments')
          .describe('Branch that holds what was released and what should run'),
      })
      .optional(),
    store: z
      .union([z.strictObject(Oci), z.strictObject(Directory)])
      .optional()
      .describe("Where baked images are published and released; this machine's own folder by default"),
    accounts: z
      .record(Name, WrittenAccount)
      .default({})
      .describe('Places that images can be shared with, by name'),
    signing: z
      .strictObject({
        trusted: z
          .array(z.string().min(1))
          .min(1)
          .describe('Public keys (PEM files of the workspace) whose signatures count'),
      })
      .optional(),
  })
  .describe('The settings of the workspace');

/** .goldenthread.yaml as people write it. */
export type WrittenSettings = z.infer<typeof WrittenSettings>;

function usedAccount(name: string, written: z.infer<typeof WrittenAccount>): Account {
  if ('oci' in written) return { kind: 'oci', name, registry: written.oci, ca: written.ca ?? null };
  if ('directory' in written) return { kind: 'directory', name, path: written.directory };
  if ('google' in written) return { kind: 'google', name, member: written.google.member };
  if ('azure' in written) {
    const { subscription, resource_group: resourceGroup, gallery, regions } = written.azure;
    return { kind: 'azure', name, subscription, resourceGroup, gallery, regions };
  }
  const regions = Object.entries(written.aws.regions).map(([region, { kms_key: key }]) => ({
    name: region,
    kmsKey: key ?? null,
  }));
  return { kind: 'aws', name, account: written.aws.account, regions };
}

/** Fills the defaults in. */
export function usedSettings(written: WrittenSettings): Settings {
  const store = written.store && usedAccount('store', written.store);
  if (store && store.kind !== 'oci' && store.kind !== 'directory')
    throw new Error('the schema lets no other store through');
  return {
    ledger: { remote: written.ledger?.remote ?? null, branch: written.ledger?.branch ?? 'deployments' },
    store: store ?? null,
    accounts: Object.entries(written.accounts).map(([name, account]) => usedAccount(name, account)),
    trusted: written.signing?.trusted ?? null,
  };
}
