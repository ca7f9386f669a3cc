import type { Json } from '../canonical.ts';
import type { Failure } from '../failure.ts';
import { positionAt, type Position } from '../position.ts';
import type { Facts, Reference, Unknown } from './facts.ts';

/** What has been found in a source so far. */
export interface Found {
  readonly references: Reference[];
  readonly unknowns: Unknown[];
  readonly failures: Failure[];
}

/** A text of a source and where it stands. */
export interface Text {
  readonly text: string;
  readonly at: Position;
}

/** Nothing found yet. */
export const nothing = (): Found => ({ references: [], unknowns: [], failures: [] });

/** Facts of a source that is there. */
export const factsOf = (found: Found, data?: Json): Facts => ({
  exists: true,
  ...found,
  ...(data === undefined ? {} : { data }),
});

/** Begins a resolved path that is meant from the workspace's root on, and so is looked up nowhere else. */
export const ROOTED = '\0';

/** Whether a path leads out of the workspace by its very form: absolute, in a home folder, or an address. */
export const isOutside = (path: string): boolean =>
  /^(\/|~|[A-Za-z]:[\\/]|[A-Za-z][\w+.-]*:(\/\/|:))/.test(path);

/** Puts a reference down; one that leads to nothing nameable is left out. */
export function refer(found: Found, { optional = false, ...reference }: Reference): void {
  if ('candidates' in reference.target && reference.target.candidates.length === 0) return;
  found.references.push(optional ? { ...reference, optional } : reference);
}

const DECLARE =
  'Declare what it stands for under `uses:` in the declaration (image.yaml: `- role: <name>`, `- file: <path>`), so that a change of it counts.';

/** Puts down something that only running the source would show; `what` completes "… is known only when it runs". */
export function unknown(found: Found, text: Text, what: string): void {
  const why = `${what} is known only when it runs. ${DECLARE}`;
  found.unknowns.push({ at: text.at, text: text.text, why });
}

/** A failure at a place: the text is well-formed, but not what its language wants there. */
export const malformed = (at: Position, language: string, detail: string): Failure => ({
  code: 'source-unparsable',
  at,
  language,
  detail,
});

/** The start of a file, for what concerns all of it. */
export const startOf = (file: string, text: string): Position => positionAt(file, text, 0);
