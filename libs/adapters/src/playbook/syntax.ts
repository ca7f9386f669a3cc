import { relative } from 'node:path';
import type { Finding } from '@goldenthread/core';

// Up to ansible-core 2.18, and after it.
const ERROR = /^(?:ERROR!|\[ERROR\]:) ([\s\S]*)/m;
const PLACE = /The error appears to be in '(.+?)': line (\d+), column (\d+)|^Origin: (.+?):(\d+):(\d+)$/m;
const PREAMBLE = /^We were unable to read either as JSON nor YAML[\s\S]*Syntax Error while loading YAML\./;

/** What Ansible says is wrong, at its place; without a place in the workspace, at the start of `file`. */
export function syntaxFinding(said: string, root: string, file: string): Finding {
  const text = ERROR.exec(said)?.[1] ?? said;
  const place = PLACE.exec(text);
  const message = (place ? text.slice(0, place.index) : text)
    .replace(PREAMBLE, 'not valid YAML:')
    .replace(/\s+/g, ' ')
    .trim();
  const path = relative(root, place?.[1] ?? place?.[4] ?? '');
  const inside = place !== null && !path.startsWith('..');
  return {
    file: inside ? path : file,
    line: inside ? Number(place[2] ?? place[5]) : 1,
    column: inside ? Number(place[3] ?? place[6]) : 1,
    message: message || 'Ansible refuses it and does not say why',
    rule: 'ansible syntax-check',
    level: 'error',
  };
}
