import { positionOfValue, scalar, type YamlValue } from '../yaml.ts';
import { searchFile, type Place } from './ansible-search.ts';
import { refer, unknown, type Found, type Text } from './gather.ts';
import { resolve, type Scope } from './jinja.ts';
import { leaves } from './read-yaml.ts';

const CALL =
  /\b(?:lookup|query|q)\(\s*(['"])(?:ansible\.builtin\.)?(file|template|unvault|fileglob)\1\s*,\s*/g;
const LITERAL = /^(?:'([^'\\]*)'|"([^"\\]*)")\s*(?=[,)])/;
const JOINED = /^(role_path|playbook_dir)\s*[+~]\s*(?:'([^'\\]*)'|"([^"\\]*)")\s*(?=[,)])/;
const PLAIN = /^([\w.[\]'"]+)\s*(?=[,)])/;

/** The first argument of a look-up as a text that `resolve` understands; null for any other expression. */
function argument(rest: string): string | null {
  const literal = LITERAL.exec(rest);
  if (literal) return literal[1] ?? literal[2] ?? '';
  const joined = JOINED.exec(rest);
  if (joined) return `{{ ${joined[1] ?? ''} }}${joined[2] ?? joined[3] ?? ''}`;
  const plain = PLAIN.exec(rest);
  return plain ? `{{ ${plain[1] ?? ''} }}` : null;
}

/** Files that expressions read by `lookup('file', …)` and its kin; they count, but need not be there until they are read. */
export function lookups(
  values: readonly YamlValue[],
  walk: { readonly place: Place; readonly found: Found },
  scope: Scope,
): void {
  if (!values.some((value) => /\b(lookup|query|q)\(/.test(value.text))) return;
  for (const leaf of values.flatMap(leaves)) {
    const text = scalar(leaf) ?? '';
    for (const call of text.matchAll(CALL)) {
      const at: Text = { text, at: positionOfValue(leaf) };
      const given = argument(text.slice(call.index + call[0].length));
      const { choices, unknown: open } =
        given === null ? { choices: [], unknown: true } : resolve(given, scope);
      if (open) unknown(walk.found, at, 'which file is looked up here');
      const glob = call[2] === 'fileglob';
      for (const name of choices.flatMap((choice) => choice.names)) {
        const kind = call[2] === 'template' ? 'templates' : 'files';
        const candidates = searchFile(walk.place, kind, glob ? name.replace(/[^/]*$/, '') : name);
        refer(walk.found, {
          target: { to: 'file', candidates },
          at: at.at,
          reason: `looks up the file ${name.replace('\0', '')}`,
          optional: true,
        });
      }
    }
  }
}
