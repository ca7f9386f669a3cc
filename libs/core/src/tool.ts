import type { Failure } from './failure.ts';
import type { Tool } from './ports.ts';

/** How to get a tool, in a sentence or two. */
export const howToGet = (tool: Tool): string =>
  tool.debian === undefined
    ? tool.install
    : `On Debian and Ubuntu: apt-get install ${tool.debian}. Elsewhere: ${tool.install}`;

/** The failure for a tool that is not there. */
export const toolMissing = (tool: Tool): Failure => ({
  code: 'tool-missing',
  tool: tool.name,
  purpose: tool.purpose,
  install: howToGet(tool),
});
