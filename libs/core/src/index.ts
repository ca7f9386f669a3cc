// Everything that needs no schema library: loading one takes longer than all else that an unchanged bake does. Schemas are in schemas.ts.
export type { Artifact, Evidence, Layer, Suite, TestCase } from './artifact.ts';
export type {
  BaseSource,
  ImageTest,
  MmdebstrapSource,
  PackerSource,
  RunConfig,
  Variables,
  WrittenImage,
} from './declaration/image.ts';
export * from './account.ts';
export * from './attest/attachment.ts';
export * from './attest/chain.ts';
export * from './attest/packages.ts';
export * from './attest/provenance.ts';
export * from './canonical.ts';
export * from './declaration/used.ts';
export * from './declaration/used-stack.ts';
export * from './secret.ts';
export * from './stack/difference.ts';
export * from './stack/engine.ts';
export * from './stack/outdated.ts';
export * from './stack/plan.ts';
export * from './stack/pending.ts';
export * from './stack/places.ts';
export * from './stack/policy.ts';
export * from './stack/words.ts';
export type { StackRecord } from './ledger/stack.ts';
export * from './event.ts';
export * from './failure.ts';
export * from './graph/facts.ts';
export * from './bake/draft.ts';
export * from './bake/fingerprint.ts';
export type { PackerBuild } from './bake/packer-manifest.ts';
export * from './bake/order.ts';
export * from './bake/step.ts';
export * from './group.ts';
export * from './lint.ts';
export * from './near.ts';
export * from './paths.ts';
export * from './ports.ts';
export * from './position.ts';
export * from './result.ts';
export * from './tool.ts';
export * from './words.ts';
export * from './yaml.ts';
export * from './graph/affected.ts';
export * from './graph/find.ts';
export * from './graph/graph.ts';
export * from './graph/lines.ts';
export * from './graph/packer-shape.ts';
export * from './graph/packer.ts';
export { playbookFacts } from './graph/playbook.ts';
export { ROLE_FOLDERS, roleFacts } from './graph/role.ts';
export { tasksFacts } from './graph/tasks.ts';
export * from './graph/terraform.ts';
export { roleFolder } from './graph/ansible-search.ts';
export type { JsonSource } from './graph/hcl-json.ts';
export * from './settings.ts';
export * from './impact.ts';
export * from './ledger/ledger.ts';
export type {
  ChannelFile,
  ChannelMove,
  ReleaseRecord,
  RevocationRecord,
  ShareFile,
} from './ledger/schema.ts';
export * from './release/commit.ts';
export * from './release/publish.ts';
export * from './ledger/state.ts';
export * from './release/lineage.ts';
