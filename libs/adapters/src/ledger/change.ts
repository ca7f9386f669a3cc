import { fail, ok, rewritten, type Call, type LedgerEdit, type Result, type Run } from '@goldenthread/core';
import { parsePerson } from '../git/identity.ts';
import type { Git } from '../git/git.ts';
import type { Objects } from '../git/objects.ts';
import { toolFailure } from '../host.ts';
import { writeMessage } from './message.ts';

const badPart = (part: string): boolean =>
  part === '' || part === '.' || part === '..' || part.toLowerCase() === '.git';

/** Throws on a path that is no plain file of the ledger: whoever makes such an edit is wrong. */
function checkPaths(write: LedgerEdit['write']): void {
  for (const path of write.keys())
    // eslint-disable-next-line no-control-regex
    if (/[\\\u0000-\u001f\u007f]/.test(path) || path.split('/').some(badPart))
      throw new Error(`not a path of the ledger: ${JSON.stringify(path)}`);
}

/** The files that an edit really changes. Throws where it would change a record that stands. */
export async function changes(
  objects: Objects,
  revision: string | null,
  write: LedgerEdit['write'],
): Promise<Result<LedgerEdit['write']>> {
  checkPaths(write);
  const paths = [...write.keys()];
  // Asked of the very revision, as an edit may write where it has not looked.
  const found = revision === null ? ok([]) : await objects.get(paths.map((path) => `${revision}:${path}`));
  if (!found.ok) return found;
  const before = new Map<string, string>();
  for (const [index, object] of found.value.entries()) {
    const path = paths[index] ?? '';
    if (object !== null && object.type !== 'blob') throw new Error(`${path} is a folder of the ledger`);
    if (object !== null) before.set(path, object.content?.toString('utf8') ?? '');
  }
  const broken = rewritten(before, write);
  if (broken.length > 0) throw new Error(`records are written once: ${broken.join(', ')}`);
  return ok(new Map([...write].filter(([path, text]) => (before.get(path) ?? null) !== text)));
}

const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;

// The ref lives in this stream alone: it is given up in the stream that makes it, and git never writes it.
const PASSING = 'refs/goldenthread/new';

/** What makes one commit in `git fast-import`, which needs no work tree, no index and no process for each file. */
function stream(parent: string | null, edit: LedgerEdit, run: Run, nothing: string): string {
  const who = `${parsePerson(run.by)} ${Math.floor(Date.now() / 1000)} +0000`;
  const files = [...edit.write].map(([path, text]) => {
    const quoted = `"${path.replaceAll('"', '\\"')}"`;
    return text === null ? `D ${quoted}\n` : `M 100644 inline ${quoted}\n${data(text)}`;
  });
  return [
    `commit ${PASSING}\nmark :1\nauthor ${who}\ncommitter ${who}\n`,
    data(writeMessage(edit.message, run.id)),
    parent === null ? '' : `from ${parent}\n`,
    ...files,
    `get-mark :1\nreset ${PASSING}\nfrom ${nothing}\n\ndone\n`,
  ].join('');
}

/** The id that stands for no object, as long as the ids of this repository. */
async function noObject(git: Git, like: string | null, call: Call): Promise<Result<string>> {
  if (like !== null) return ok('0'.repeat(like.length));
  const format = await git.text(['rev-parse', '--show-object-format'], call);
  return format.ok ? ok('0'.repeat(format.value.trim() === 'sha256' ? 64 : 40)) : format;
}

/** Writes the commit of an edit on `parent`, which nothing names yet; answers its id. */
export async function writeCommit(
  git: Git,
  options: { readonly parent: string | null; readonly edit: LedgerEdit; readonly run: Run },
  call: Call,
): Promise<Result<string>> {
  const nothing = await noObject(git, options.parent, call);
  if (!nothing.ok) return nothing;
  const text = stream(options.parent, options.edit, options.run, nothing.value);
  const args = ['fast-import', '--quiet', '--done', '--date-format=raw'];
  const ended = await git.end(args, call, { input: [text] });
  if (!ended.ok) return ended;
  const made = ended.value.stdout.trim();
  if (ended.value.code === 0 && /^[0-9a-f]{40,64}$/.test(made)) return ok(made);
  return fail(toolFailure({ argv: ['git fast-import'], cwd: git.root }, ended.value));
}
