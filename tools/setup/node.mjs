// Is this Node.js new enough? Imported before anything else, and written so that old versions can read it.
import fs from 'node:fs';

const numbers = (version) => version.replace(/^v/, '').split('-')[0].split('.').map(Number);

function compare(a, b) {
  const [left, right] = [numbers(a), numbers(b)];
  for (let at = 0; at < 3; at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const TESTS = {
  '>=': (difference) => difference >= 0,
  '>': (difference) => difference > 0,
  '<=': (difference) => difference <= 0,
  '<': (difference) => difference < 0,
};

/** Whether a version lies in a range of comparisons, such as `>=20.19.0 <21 || >=22.12.0`. */
export function satisfies(version, range) {
  return range.split('||').some((part) =>
    part
      .trim()
      .split(/\s+/)
      .every((comparison) => {
        const [, sign, bound] = /^([<>]=?)(\d[\d.]*)$/.exec(comparison) ?? [];
        if (!sign) throw new Error(`package.json: engines.node: "${comparison}" is not understood`);
        return TESTS[sign](compare(version, bound));
      }),
  );
}

/** What to tell somebody whose Node.js does not do, or null where it does. */
export function nodeProblem(version, range) {
  if (satisfies(version, range)) return null;
  return [
    `✘ This is Node.js ${version}; needed is ${range.replace('||', 'or')}.`,
    '→ Install a newer one; version managers find the right one in .nvmrc (nvm install, fnm use, mise install).',
  ].join('\n');
}

const { engines } = JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const problem = nodeProblem(process.version, engines.node);
if (problem !== null) {
  console.error(problem);
  process.exit(1);
}
