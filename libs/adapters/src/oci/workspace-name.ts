import { existsSync } from 'node:fs';

const PREFIX = 'workspace';

/** The repository of an image in the folder that all workspaces of this machine share: it names the workspace's root. */
export const workspaceRepository = (root: string, image: string): string => `${PREFIX}${root}/${image}`;

/** Whether a name in that folder belongs to a workspace that is not on this machine any more. */
export const isAbandoned = (name: string): boolean =>
  name.startsWith(`${PREFIX}/`) && !existsSync(name.slice(PREFIX.length, name.lastIndexOf('/')));
