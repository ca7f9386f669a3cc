import { z } from 'zod';
import { Name, Path, Time, Uses } from './shared.ts';

const Mmdebstrap = z
  .strictObject({
    suite: z
      .string()
      .regex(/^[a-z][a-z0-9-]*$/, 'a Debian or Ubuntu suite such as bookworm')
      .describe('Suite, such as bookworm'),
    variant: z
      .enum(['minbase', 'apt', 'essential', 'buildd', 'important', 'standard'])
      .default('minbase')
      .describe('How much is installed beside the packages named here'),
    packages: z
      .array(z.string().regex(/^[a-z0-9][a-z0-9+.:-]*$/, 'a package name'))
      .default([])
      .describe('Packages beyond the variant; a base for Ansible needs python3'),
    mirror: z
      .url()
      .optional()
      .describe('Package mirror; without it the apt sources of the machine that bakes'),
    snapshot: Time.optional().describe(
      'Time of the package archive: the same packages for ever (needs a mirror that keeps snapshots)',
    ),
  })
  .describe('A root file system from packages, by mmdebstrap');

const Base = z
  .union([
    z.strictObject({ image: Name.describe('An image of this workspace') }),
    z.strictObject({
      oci: z
        .string()
        .regex(/^[^\s@]+@sha256:[0-9a-f]{64}$/, 'an OCI image by digest: registry/name@sha256:…')
        .describe(
          'An OCI image by digest: registry/name@sha256:…, or the path of an OCI layout folder @sha256:…',
        ),
    }),
    z.strictObject({ mmdebstrap: Mmdebstrap }),
  ])
  .describe('What the image is made on');

const Variables = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable name'), z.json());

const RoleUse = z.union([
  Name,
  z.strictObject({ role: Name, vars: Variables.optional().describe('Variables of this role alone') }),
]);

const Packer = z.strictObject({
  template: Path.describe('HCL2 or JSON template, or a folder of *.pkr.hcl'),
  only: z
    .array(z.string().min(1))
    .default([])
    .describe('Builds of the template to run; all of them if empty'),
  variables: Variables.default({}).describe('Variables passed to the template'),
  var_files: z.array(Path).default([]).describe('Files of variables for the template'),
});

const Config = z
  .strictObject({
    cmd: z.array(z.string()).optional().describe('Program and arguments, or arguments of the entrypoint'),
    entrypoint: z.array(z.string()).optional().describe('Program that always runs'),
    env: z.record(z.string(), z.string()).optional().describe('Environment variables'),
    user: z.string().optional().describe('User who runs it'),
    workdir: z.string().optional().describe('Folder in which it runs'),
    ports: z
      .array(z.string().regex(/^\d{1,5}\/(tcp|udp)$/, 'a port such as 80/tcp'))
      .optional()
      .describe('Ports on which it listens'),
    labels: z.record(z.string(), z.string()).optional().describe('Labels of the image'),
  })
  .describe('How containers of the image run (OCI image configuration)');

const How = {
  on: z
    .enum(['files', 'booted'])
    .default('files')
    .describe('files: in the root file system, nothing running; booted: with its init system running'),
  timeout: z.int().min(1).max(3600).default(300).describe('Seconds until the test is stopped'),
};

const Test = z.union([
  z.strictObject({ testinfra: Path.describe('Testinfra file or folder'), ...How }),
  z.strictObject({ script: Path.describe('Script run by sh inside the image; exit code 0 passes'), ...How }),
]);

/** image.yaml as people write it. */
export const WrittenImage = z
  .strictObject({
    $schema: z.string().optional().describe('Read by editors only'),
    name: Name.optional().describe("The project's name; the folder's name by default"),
    role: Name.optional().describe('What the image is for; its name by default'),
    description: z.string().optional().describe('What it is, for people'),
    base: Base.optional(),
    builder: z.string().min(1).optional().describe('layered, packer, or the path of an own builder'),
    playbook: Path.optional().describe('Playbook that makes the image; each role becomes a layer'),
    roles: z
      .array(RoleUse)
      .optional()
      .describe('Roles in order, instead of a playbook; each becomes a layer'),
    variables: Variables.optional().describe('Extra variables for Ansible'),
    backend: z
      .enum(['overlay', 'docker'])
      .optional()
      .describe('Where layers are made; chosen by the machine by default'),
    packer: Packer.optional().describe('The Packer template that makes the image'),
    config: Config.optional(),
    tests: z.array(Test).optional().describe('What proves that the image is right'),
    share: z
      .array(Name)
      .optional()
      .describe('Accounts that get every released version, by their names in .goldenthread.yaml'),
    uses: Uses,
  })
  .describe('A machine image');

/** image.yaml as people write it. */
export type WrittenImage = z.infer<typeof WrittenImage>;

/** What an image is made on. */
export type BaseSource = z.infer<typeof Base>;
/** A root file system to be made by mmdebstrap. */
export type MmdebstrapSource = z.infer<typeof Mmdebstrap>;
/** A test of an image. */
export type ImageTest = z.infer<typeof Test>;
/** How containers of an image run. */
export type RunConfig = z.infer<typeof Config>;
/** Variables for Ansible or Packer: any JSON. */
export type Variables = z.infer<typeof Variables>;
/** What Packer is given. */
export type PackerSource = z.infer<typeof Packer>;

/** Rules over several keys, each as the key it points at and what was expected there. */
export function imageRules(
  written: WrittenImage,
): readonly { readonly key: string; readonly expected: string }[] {
  const rules: { key: string; expected: string }[] = [];
  if (written.playbook !== undefined && written.roles !== undefined)
    rules.push({ key: 'roles', expected: 'either `playbook` or `roles`, not both' });
  if (written.builder === 'packer' && written.packer === undefined)
    rules.push({ key: 'builder', expected: 'a `packer:` section with a template for the builder packer' });
  if (
    (written.builder ?? 'layered') === 'layered' &&
    written.base === undefined &&
    written.packer === undefined
  )
    rules.push({ key: '', expected: 'a `base:` (image, oci or mmdebstrap)' });
  if (written.builder === 'layered' && written.base === undefined)
    rules.push({ key: 'builder', expected: 'a `base:` for the builder layered' });
  return rules;
}
