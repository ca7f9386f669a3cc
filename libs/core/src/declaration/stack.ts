import { z } from 'zod';
import { Name, Path, Uses } from './shared.ts';

const Text = z.string().min(1);

const Terraform = z
  .strictObject({
    backend: z
      .record(Text, z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe('Settings of the backend, handed over as -backend-config; {environment} is replaced'),
    workspace: Text.optional().describe(
      'The workspace; by default the one called like the environment, and "default" where `backend` names the environment',
    ),
    var_files: z.array(Path).optional().describe('Files of values; {environment} is replaced'),
    lock_timeout: z
      .int()
      .min(0)
      .max(3600)
      .optional()
      .describe('Seconds to wait for a lock of the state; 30 by default'),
  })
  .describe('For the engines terraform and opentofu');

const Ansible = z
  .strictObject({
    inventory: Path.optional().describe(
      'The inventory; this machine alone by default. {environment} is replaced',
    ),
    destroy: Path.optional().describe('The playbook that takes away what `playbook` makes'),
    become: z.boolean().optional().describe('Whether tasks run as another user, root by default'),
  })
  .describe('For the engine ansible');

const Cloudformation = z
  .strictObject({
    template: Path.optional().describe('The template; template.yaml by default'),
    synth: z
      .enum(['cdk', 'serverless'])
      .optional()
      .describe('Make the template first: by `cdk synth`, or by `serverless package`'),
    stack_name: Text.optional().describe('Its name there; <stack>-<environment> by default'),
    region: Text.optional().describe('The region; what the AWS configuration says by default'),
    capabilities: z
      .array(z.enum(['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND']))
      .optional()
      .describe('What the template may do'),
    tags: z.record(Text, z.string()).optional().describe('Tags of the stack and all that is in it'),
  })
  .describe('For the engine cloudformation');

const Kubernetes = z
  .strictObject({
    manifests: z.array(Path).optional().describe('Files or folders of manifests; manifests/ by default'),
    kustomize: Path.optional().describe('A folder with a kustomization; {environment} is replaced'),
    render: z
      .array(Text)
      .min(1)
      .optional()
      .describe('A program and its arguments that print manifests, such as [helm, template, ./chart]'),
    context: Text.optional().describe('The context of the kubeconfig; {environment} is replaced'),
    namespace: Text.optional().describe('The namespace of what names none; {environment} is replaced'),
    timeout: z
      .int()
      .min(1)
      .max(7200)
      .optional()
      .describe('Seconds until what was applied has to be ready; 300 by default'),
  })
  .describe('For the engine kubernetes');

const Variables = z
  .record(Text, z.json())
  .describe(
    'Values of variables. No secrets: those come from the environment of the process, as TF_VAR_<name>',
  );

const Engines = {
  terraform: Terraform.optional(),
  ansible: Ansible.optional(),
  cloudformation: Cloudformation.optional(),
  kubernetes: Kubernetes.optional(),
  options: z.record(Text, z.json()).optional().describe('For an engine of your own'),
};

/** stack.yaml as people write it. */
export const WrittenStack = z
  .strictObject({
    $schema: z.string().optional().describe('Read by editors only'),
    name: Name.optional().describe("The project's name; the folder's name by default"),
    description: z.string().optional().describe('What it is, for people'),
    engine: z
      .string()
      .min(1)
      .optional()
      .describe(
        'terraform, opentofu, ansible, cloudformation, kubernetes, or the path of an engine of your own; by default the one that a section below is for, or terraform',
      ),
    images: z
      .record(
        Text,
        z.union([
          Name,
          z.strictObject({
            image: Name,
            as: z.enum(['digest', 'version']).default('digest').describe('What the variable gets'),
          }),
        ]),
      )
      .default({})
      .describe("Variables that get an image's default of the environment: variable: image"),
    inputs: z
      .record(Text, z.strictObject({ stack: Name, output: Text }))
      .default({})
      .describe('Variables that get an output of another stack in the same environment'),
    variables: Variables.default({}),
    playbook: Path.optional().describe('Playbook of a stack whose engine is ansible'),
    ...Engines,
    environments: z
      .record(Name, z.strictObject({ variables: Variables.optional(), ...Engines }))
      .default({})
      .describe('What differs in an environment; laid over the keys above, one by one'),
    uses: Uses,
  })
  .describe('A stack of infrastructure');

/** stack.yaml as people write it. */
export type WrittenStack = z.infer<typeof WrittenStack>;
