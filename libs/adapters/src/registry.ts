import type {
  ArtifactStore,
  Attester,
  History,
  ImageBuilder,
  ImageStore,
  ImageVerifier,
  InfraEngine,
  Ledger,
  Linter,
  MachineHost,
  PolicyChecker,
  Ports,
  Run,
  Settings,
  StackTester,
  Tool,
} from '@goldenthread/core';
import type { Parts } from './parts.ts';

/** Loads an adapter when it is first needed. */
export type Load<T> = () => Promise<(parts: Parts) => T>;

/** Builders of images by name. */
export const BUILDERS: Readonly<Record<string, Load<ImageBuilder>>> = {
  layered: async () => {
    const [layered, overlay, docker] = await Promise.all([
      import('./builder/layered.ts'),
      import('./builder/overlay.ts'),
      import('./builder/docker.ts'),
    ]);
    // The first that works on this machine is taken: no daemon is better than one.
    return (parts) =>
      layered.createLayered(parts, [overlay.createOverlay(parts), docker.createDockerBackend(parts)]);
  },
  packer: async () => (await import('./builder/packer.ts')).createPacker,
};

/** Verifiers of images by name. */
export const VERIFIERS: Readonly<Record<string, Load<ImageVerifier>>> = {
  script: async () => (await import('./verifier/script.ts')).createScript,
  testinfra: async () => (await import('./verifier/testinfra.ts')).createTestinfra,
};

/** Linters by name. */
export const LINTERS: Readonly<Record<string, Load<Linter>>> = {
  ansible: async () => (await import('./linter/ansible.ts')).createAnsibleLinter,
  'ansible-lint': async () => (await import('./linter/ansible-lint.ts')).createAnsibleLint,
  checkov: async () => (await import('./linter/checkov.ts')).createCheckov,
  packer: async () => (await import('./linter/packer.ts')).createPackerLinter,
  terraform: async () => (await import('./linter/terraform.ts')).createTerraformLinter,
  tflint: async () => (await import('./linter/tflint.ts')).createTflint,
  yamllint: async () => (await import('./linter/yamllint.ts')).createYamllint,
};

/** Engines of infrastructure by name. */
export const INFRA: Readonly<Record<string, Load<InfraEngine>>> = {
  terraform: async () => (await import('./infra/terraform.ts')).createTerraform,
  opentofu: async () => (await import('./infra/terraform.ts')).createOpentofu,
  ansible: async () => (await import('./infra/ansible.ts')).createAnsible,
  cloudformation: async () => (await import('./infra/cloudformation.ts')).createCloudformation,
  kubernetes: async () => (await import('./infra/kubernetes.ts')).createKubernetes,
};

/** What runs the tests of stacks. */
export const TESTERS: readonly Load<StackTester>[] = [
  async () => (await import('./tester/terraform.ts')).createTerraformTester,
  async () => (await import('./tester/go.ts')).createGoTester,
];

/** What judges plans by rules in files, by the key of environment.yaml. */
export const POLICIES: Readonly<Record<string, Load<PolicyChecker>>> = {
  rule: async () => (await import('./policy/function.ts')).createFunctionPolicy,
  rego: async () => (await import('./policy/rego.ts')).createRegoPolicy,
};

/** Where machines are started, the preferred first. */
export const MACHINES: Readonly<Record<string, Load<MachineHost>>> = {
  namespace: async () => (await import('./machine/namespace.ts')).createNamespaceMachines,
  docker: async () => (await import('./machine/docker.ts')).createDockerMachines,
};

/** Clouds that keep images, by how the names of the builders begin that make images there. */
export const CLOUDS: Readonly<Record<string, Load<ImageStore>>> = {
  'amazon-': async () => {
    const { createAwsStore } = await import('./store/aws.ts');
    return () => createAwsStore();
  },
  'azure-': async () => {
    const { createAzureStore } = await import('./store/azure.ts');
    return () => createAzureStore();
  },
  googlecompute: async () => {
    const { createGoogleStore } = await import('./store/google.ts');
    return () => createGoogleStore();
  },
};

/** What releases are made with. */
export const RELEASES = {
  store: async (): Promise<(parts: Parts, settings: Settings) => ArtifactStore> => {
    const { createArtifactStore } = await import('./store/oci.ts');
    return (parts, settings) => createArtifactStore(parts, settings.store);
  },
  ledger: async (): Promise<(parts: Parts, settings: Settings, run: Run) => Ledger> => {
    const { createGitLedger } = await import('./ledger/git.ts');
    return ({ root }, { ledger }, run) => createGitLedger({ root, ...ledger, run });
  },
  history: async (): Promise<(parts: Parts, settings: Settings) => History> => {
    const { createGitHistory } = await import('./history/git.ts');
    return ({ root }, { ledger }) => createGitHistory(root, ledger.remote);
  },
  attester: async (): Promise<(parts: Parts, settings: Settings) => Attester> => {
    const { createAttester } = await import('./attester/sigstore.ts');
    return ({ root, home }, { trusted }) => createAttester({ root, home, trusted });
  },
  sbom: async (): Promise<(parts: Parts) => Ports['sbom']> =>
    (await import('./sbom/cyclonedx.ts')).createSbom,
  sweep: async (): Promise<(parts: Parts) => Ports['sweep']> => (await import('./sweep.ts')).createSweep,
  run: async () => (await import('./run.ts')).createRun,
} as const;

/** Every tool that some adapter may need. */
export async function catalogue(): Promise<readonly Tool[]> {
  const [namespace, ansible, packer, docker, rootfs, testinfra, git, terraform, rego, ...linters] =
    await Promise.all([
      import('./namespace/tools.ts'),
      import('./builder/ansible.ts'),
      import('./builder/packer.ts'),
      import('./docker/engine.ts'),
      import('./rootfs/mmdebstrap.ts'),
      import('./verifier/testinfra.ts'),
      import('./git/git.ts'),
      import('./terraform/tool.ts'),
      import('./policy/rego.ts'),
      import('./linter/ansible.ts').then(({ ANSIBLE_SYNTAX }) => ANSIBLE_SYNTAX),
      import('./linter/ansible-lint.ts').then(({ ANSIBLE_LINT }) => ANSIBLE_LINT),
      import('./linter/packer.ts').then(({ PACKER_SYNTAX }) => PACKER_SYNTAX),
      import('./tester/go.ts').then(({ GO }) => GO),
      import('./infra/cloudformation-source.ts').then(({ CDK }) => CDK),
      import('./infra/cloudformation-source.ts').then(({ SERVERLESS }) => SERVERLESS),
      import('./linter/yamllint.ts').then(({ YAMLLINT }) => YAMLLINT),
      import('./linter/tflint.ts').then(({ TFLINT }) => TFLINT),
      import('./linter/checkov.ts').then(({ CHECKOV }) => CHECKOV),
    ]);
  return [
    ...namespace.NAMESPACE_TOOLS,
    namespace.TAR,
    ansible.ANSIBLE,
    packer.PACKER,
    docker.DOCKER,
    rootfs.MMDEBSTRAP,
    testinfra.TESTINFRA,
    git.GIT,
    terraform.TERRAFORM,
    terraform.OPENTOFU,
    rego.CONFTEST,
    rego.OPA,
    ...linters,
  ];
}
