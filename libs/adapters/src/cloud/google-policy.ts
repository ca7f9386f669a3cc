import type { protos } from '@google-cloud/compute';
import type { Call, Result } from '@goldenthread/core';
import { present } from './fault.ts';
import type { Google, GoogleApi } from './google-client.ts';
import { again, type GoogleImage } from './google-images.ts';

type Policy = protos.google.cloud.compute.v1.IPolicy;
type Binding = protos.google.cloud.compute.v1.IBinding;

/** The role that lets somebody make machines from an image. */
const USER = 'roles/compute.imageUser';

async function read({ images, options }: GoogleApi, { project, name }: GoogleImage): Promise<Policy> {
  // Version 3 is the one that shows conditions: read without them, they would be lost by writing.
  const request = { project, resource: name, optionsRequestedPolicyVersion: 3 };
  const [policy] = await images.getIamPolicy(request, options);
  present(policy.etag === '' ? null : policy.etag, 'etag');
  return policy;
}

/** Everybody who may use an image, with a condition or without one. */
export const membersOf = (
  google: Google,
  image: GoogleImage,
  call: Call,
): Promise<Result<readonly string[]>> =>
  google.ask(
    `reading who may use ${image.id}`,
    async (api) => {
      const { bindings } = await read(api, image);
      const ours = (bindings ?? []).filter(({ role }) => role === USER);
      return [...new Set(ours.flatMap(({ members }) => members ?? []))];
    },
    call,
  );

function added(bindings: readonly Binding[], member: string): Binding[] {
  const plain = bindings.find(({ role, condition }) => role === USER && !condition);
  const rest = bindings.filter((one) => one !== plain);
  return [...rest, { role: USER, members: [...(plain?.members ?? []), member] }];
}

const removed = (bindings: readonly Binding[], member: string): Binding[] =>
  bindings
    .map((one) =>
      one.role === USER ? { ...one, members: (one.members ?? []).filter((name) => name !== member) } : one,
    )
    .filter(({ members }) => (members ?? []).length > 0);

/** Adds a member to those who may use an image, or removes one; nobody else's rights are changed. */
export const changeMembers = (
  google: Google,
  image: GoogleImage,
  change: { readonly add: string } | { readonly remove: string },
  call: Call,
): Promise<Result<void>> =>
  google.ask(
    `changing who may use ${image.id}`,
    (api) =>
      again(async () => {
        const policy = await read(api, image);
        const there = policy.bindings ?? [];
        const bindings = 'add' in change ? added(there, change.add) : removed(there, change.remove);
        const request = { policy: { ...policy, bindings } };
        await api.images.setIamPolicy(
          { project: image.project, resource: image.name, globalSetPolicyRequestResource: request },
          api.options,
        );
      }),
    call,
  );
