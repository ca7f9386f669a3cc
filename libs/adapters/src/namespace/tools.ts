import type { Tool } from '@goldenthread/core';

const util = (name: string, purpose: string): Tool => ({
  name,
  purpose,
  version: ['--version'],
  install: 'Install util-linux (at least 2.38 to bake as an ordinary user).',
  debian: 'util-linux',
});

/** Programs that open and enter namespaces. Ordinary users need `newuidmap` as well, which has no version to ask for. */
export const NAMESPACE_TOOLS: readonly Tool[] = [
  util('unshare', 'namespaces, in which images are baked and tested without a daemon'),
  util('nsenter', 'running programs in those namespaces'),
];

/** Writes layers. */
export const TAR: Tool = {
  name: 'tar',
  purpose: 'writing layers',
  version: ['--version'],
  install: 'Install GNU tar.',
  debian: 'tar',
};
