import { fail, ok, type Call, type Result, type Tag } from '@goldenthread/core';
import { jitter, type Git } from '../git/git.ts';
import { identity } from '../git/identity.ts';
import { fetch, list, push } from '../git/network.ts';
import { withObjects, type GitObject } from '../git/objects.ts';
import type { Remote } from '../git/remote.ts';
import { toolFailure } from '../host.ts';

/** Where tags are shared, and git to reach it. */
export interface Place {
  readonly git: Git;
  readonly remote: Remote;
}

/** The full name of a tag. Throws on a name that could mean anything else in a refspec. */
function refOf(name: string): string {
  if (!/^[A-Za-z0-9][\w.@/+-]*$/.test(name)) throw new Error(`not a name of a tag: ${JSON.stringify(name)}`);
  return `refs/tags/${name}`;
}

/** The object that a tag names where it is shared; null where there is no such tag. */
async function shared({ git, remote }: Place, ref: string, call: Call): Promise<Result<string | null>> {
  const listed = await list(git, remote, ['--refs', remote.name, ref], call);
  if (!listed.ok) return listed;
  // A pattern of ls-remote is matched from the end: `x/refs/tags/a` would fit as well.
  return ok(listed.value.find(([, found]) => found === ref)?.[0] ?? null);
}

const get = (
  git: Git,
  names: readonly string[],
  call: Call,
): Promise<Result<readonly (GitObject | null)[]>> => withObjects(git, call, (objects) => objects.get(names));

const SIGNATURE = /^-----BEGIN (PGP|SSH) (SIGNATURE|MESSAGE)-----$[\s\S]*/m;

/** The words of an annotated tag; none where it is a lightweight one. */
function messageOf({ type, content }: GitObject): string {
  if (type !== 'tag') return '';
  const text = content?.toString('utf8') ?? '';
  const start = text.indexOf('\n\n');
  return start === -1 ? '' : text.slice(start).replace(SIGNATURE, '').trim();
}

/** A tag by its object, which is in this clone. */
async function describe(git: Git, name: string, object: string, call: Call): Promise<Result<Tag | null>> {
  const found = await get(git, [object, `${object}^{commit}`], call);
  if (!found.ok) return found;
  const [tag, commit] = found.value;
  if (!tag || !commit) return ok(null);
  return ok({ name, commit: commit.oid, message: messageOf(tag) });
}

/** A tag as the remote has it. */
export async function readTag(place: Place, name: string, call: Call): Promise<Result<Tag | null>> {
  const ref = refOf(name);
  const object = await shared(place, ref, call);
  if (!object.ok || object.value === null) return object.ok ? ok(null) : object;
  const here = await describe(place.git, name, object.value, call);
  if (!here.ok || here.value !== null) return here;
  // Into no ref: a tag of the same name in this clone is the user's.
  const fetched = await fetch(place.git, place.remote, [place.remote.name, ref], call);
  if (!fetched.ok) return fetched;
  const there = await describe(place.git, name, object.value, call);
  if (!there.ok || there.value !== null) return there;
  return fail({
    code: 'content-corrupt',
    what: `the tag ${name}`,
    expected: 'a commit',
    found: object.value,
  });
}

/** An annotated tag of the same name and commit that is here already: of a run that ended before it could push it. */
async function left(git: Git, { name, commit }: Tag, call: Call): Promise<Result<string | null>> {
  const found = await get(git, [refOf(name), `${refOf(name)}^{commit}`], call);
  if (!found.ok) return found;
  const [tag, named] = found.value;
  return ok(tag?.type === 'tag' && named?.oid === commit ? tag.oid : null);
}

/** Makes a tag object, which nothing names yet. By plumbing, as settings such as `tag.gpgSign` would ask for a passphrase. */
async function make(git: Git, tag: Tag, call: Call): Promise<Result<string>> {
  const by = await identity(git, call);
  if (!by.ok) return by;
  const tagger = `${by.value} ${Math.floor(Date.now() / 1000)} +0000`;
  const head = `object ${tag.commit}\ntype commit\ntag ${tag.name}\ntagger ${tagger}`;
  const made = await git.end(['mktag'], call, { input: [`${head}\n\n${tag.message.trim()}\n`] });
  if (!made.ok) return made;
  if (made.value.code === 0) return ok(made.value.stdout.trim());
  return fail(toolFailure({ argv: ['git mktag'], cwd: git.root }, made.value));
}

const taken = (place: Place, tag: Tag, found: string): Result<never> =>
  fail({ code: 'version-taken', version: tag.name, where: place.remote.where, expected: tag.commit, found });

const PUSHES = 8;

/** Sets a tag where it is shared; one that stands there is right or `version-taken`, and is never moved. */
export async function writeTag(place: Place, tag: Tag, call: Call): Promise<Result<void>> {
  const { git, remote } = place;
  const ref = refOf(tag.name);
  for (let tries = 1; ; tries++) {
    const there = await readTag(place, tag.name, call);
    if (!there.ok) return there;
    if (there.value)
      return there.value.commit === tag.commit ? ok(undefined) : taken(place, tag, there.value.commit);
    const kept = await left(git, tag, call);
    const object = kept.ok && kept.value === null ? await make(git, tag, call) : kept;
    if (!object.ok) return object;
    const pushed = await push(git, remote, { ref, object: object.value ?? '', before: null }, call);
    if (!pushed.ok) return pushed;
    // For those who look here. A tag of that name which stands here already is the user's, and stays.
    if (pushed.value.kind === 'done') {
      await git.end(['update-ref', ref, object.value ?? '', ''], call);
      return ok(undefined);
    }
    if (tries === PUSHES)
      return fail(pushed.value.failure ?? { code: 'ledger-contended', branch: ref, tries });
    await jitter(100 * tries, call.signal);
  }
}
