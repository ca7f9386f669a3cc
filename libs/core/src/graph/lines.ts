import { place } from '../position.ts';
import type { Facts, Target } from './facts.ts';

/** What a reference leads to, in words: `role nginx`, `file a | b` (the first that exists). */
export function targetLine(target: Target): string {
  if (target.to === 'project') return `${target.kind} ${target.name}`;
  if (target.to === 'state') return `state ${target.backend} ${target.key}`;
  return `${target.to === 'file' ? 'file' : target.kind} ${target.candidates.join(' | ')}`;
}

/** Facts as lines, to look at them: references (a question mark before those that need not be found), unknowns, failures. */
export const factLines = (facts: Facts): readonly string[] => [
  ...(facts.exists ? [] : ['absent']),
  ...facts.references.map(({ target, optional }) => `${optional ? '?' : ''}${targetLine(target)}`),
  ...facts.unknowns.map(({ text }) => `unknown ${text}`),
  ...facts.failures.map((failure) => {
    const detail = failure.code === 'source-unparsable' ? failure.detail : failure.code;
    return 'at' in failure ? `failure ${place(failure.at)} ${detail}` : `failure ${detail}`;
  }),
];
