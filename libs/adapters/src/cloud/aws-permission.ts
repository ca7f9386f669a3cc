import type { LaunchPermission, LaunchPermissionModifications } from '@aws-sdk/client-ec2';
import type { Call, Result } from '@goldenthread/core';
import type { AskAws } from './aws-client.ts';
import type { Ami } from './aws-images.ts';
import { present } from './fault.ts';

const whoOf = (one: LaunchPermission): string =>
  one.UserId ?? one.Group ?? one.OrganizationArn ?? one.OrganizationalUnitArn ?? '';

function permission(who: string): LaunchPermission {
  if (who === 'all') return { Group: 'all' };
  if (who.includes(':organization/')) return { OrganizationArn: who };
  return who.includes(':ou/') ? { OrganizationalUnitArn: who } : { UserId: who };
}

/** Who may start machines from an image: account numbers, `all`, and ARNs of organizations and their units. */
export const permitted = (ask: AskAws, ami: Ami, call: Call): Promise<Result<readonly string[]>> =>
  ask(
    { region: ami.region, doing: `reading who may use ${ami.id}` },
    async (ec2, options) => {
      const wanted = { ImageId: ami.ami, Attribute: 'launchPermission' } as const;
      const answer = await ec2.describeImageAttribute(wanted, options);
      return present(answer.LaunchPermissions, 'launchPermission').map(whoOf);
    },
    call,
  );

const modify = (
  ask: AskAws,
  ami: Ami,
  LaunchPermission: LaunchPermissionModifications,
  call: Call,
): Promise<Result<void>> =>
  ask(
    { region: ami.region, doing: `changing who may use ${ami.id}` },
    async (ec2, options) => {
      await ec2.modifyImageAttribute({ ImageId: ami.ami, LaunchPermission }, options);
    },
    call,
  );

/**
 * Lets somebody start machines from an image. The image alone is enough for that: its snapshots stay ours, so that nobody
 * else can copy them.
 */
export const permit = (ask: AskAws, ami: Ami, who: string, call: Call): Promise<Result<void>> =>
  modify(ask, ami, { Add: [permission(who)] }, call);

/** Takes that right away. */
export const forbid = (ask: AskAws, ami: Ami, who: string, call: Call): Promise<Result<void>> =>
  modify(ask, ami, { Remove: [permission(who)] }, call);
