import { canonical, type Json } from '../canonical.ts';
import type { Image } from '../declaration/used.ts';
import { join, within } from '../paths.ts';
import type { HashedFile } from '../ports.ts';
import type { Draft } from './draft.ts';
import type { Step } from './step.ts';

/** `sha256:…` of a text. */
export type Hash = (text: string) => string;

/** Counts up when the way of baking changes so that old layers must not be used any more. */
const FORMAT = 1;

// Said in the declaration, but of no weight for the image itself: what it uses counts by its files.
const UNBAKED = new Set(['tests', 'description', 'file', 'root', 'share', 'uses']);

// Words about a project, tests and settings of other tools make no image. Only at the top of a project (or of a role inside
// of it): below `files` and `templates` the same names are content.
const ROLE = /^(?:.*\/)?roles\/[^/]+\//;
const ASIDE =
  /^(?:(?:tests|molecule|\.github)\/|(?:README|CHANGELOG)(?:\.[a-z]+)?$|LICENSE$|\.(?:ansible-lint|yamllint|editorconfig|git\w+)$)/i;

const beside = (path: string): boolean => ASIDE.test(path.replace(ROLE, ''));

/** Whether a file of a role's folder goes into images. */
export const bakes = (path: string, root: string): boolean =>
  within(path, root) && !beside(path.slice(root.length).replace(/^\//, ''));

const relative = (files: readonly HashedFile[], root: string): Json =>
  files.map(({ path, digest }) => [
    root !== '' && within(path, root) ? path.slice(root.length) : path,
    digest,
  ]);

/** Everything that decides what an image becomes. */
export interface Ingredients {
  readonly image: Image;
  /** Digest of the base artifact, or the words that describe another source; null where the template has its own. */
  readonly base: Json;
  readonly variant: string;
  readonly tools: Readonly<Record<string, string>>;
  /** Files of the image's own folder and others it uses. */
  readonly files: readonly HashedFile[];
  /** Files of every role it uses, directly or not, by the role's name. */
  readonly roles: ReadonlyMap<string, { readonly root: string; readonly files: readonly HashedFile[] }>;
}

/** Files of the image's own folder that count: all but its declaration (which counts as data) and its tests. */
export function imageFiles(image: Image, files: readonly HashedFile[]): readonly HashedFile[] {
  const tests = image.tests.map((test) =>
    join(image.root, 'testinfra' in test ? test.testinfra : test.script),
  );
  // A template counts only where it is used, so that editing it does not re-bake the same image made in layers.
  const unused =
    image.builder === 'layered' && image.packer
      ? [
          join(image.root, image.packer.template),
          ...image.packer.var_files.map((file) => join(image.root, file)),
        ]
      : [];
  return files.filter(
    ({ path }) =>
      path !== image.file &&
      bakes(path, image.root) &&
      ![...tests, ...unused].some((aside) => within(path, aside)),
  );
}

/** The fingerprint of an image: no times, no absolute paths, no tests; two clones agree. */
export function fingerprint(parts: Ingredients, hash: Hash): string {
  const { image, base, variant, tools } = parts;
  const used = image.builder === 'layered' ? { ...image, packer: null } : image;
  const declared = Object.fromEntries(Object.entries(used).filter(([key]) => !UNBAKED.has(key))) as Json;
  const roles = Object.fromEntries(
    [...parts.roles].map(([name, role]) => [name, relative(role.files, role.root)]),
  );
  return hash(
    canonical({
      format: FORMAT,
      declared,
      base,
      variant,
      tools,
      files: relative(parts.files, image.root),
      roles,
    }),
  );
}

// What a play can see of a role whose tasks it does not run.
const VISIBLE = /^\/?(?:defaults|vars|meta)\//;

/** The files of a role by which it can reach steps after its own: its variables, and with handlers anything that they use. */
function visible(files: readonly HashedFile[], root: string): readonly HashedFile[] {
  const below = (path: string): string => path.slice(root.length);
  return files.some(({ path }) => /^\/?handlers\//.test(below(path)))
    ? files
    : files.filter(({ path }) => VISIBLE.test(below(path)));
}

/** Gives each draft its fingerprint: its play, its roles with all they need, and the files beside its playbook. */
export function steps(
  drafts: readonly Draft[],
  parts: Ingredients,
  needs: (role: string) => readonly string[],
  hash: Hash,
): readonly Step[] {
  const { variables, uses, root } = parts.image;
  // Playbooks count by their plays, so that a role added at the end of one leaves the steps before it alone. An import that
  // stays whole is read by Ansible: then the files count.
  const read = new Set(
    drafts.some(({ sources }) => sources.length === 0) ? [] : drafts.flatMap(({ sources }) => sources),
  );
  const files = relative(
    parts.files.filter(({ path }) => !read.has(path)),
    root,
  );
  // A role that is declared because no source names it may be run by any step.
  const declared = uses.flatMap((use) => ('role' in use ? [use.role] : []));
  const withNeeds = (roles: readonly string[]): readonly string[] =>
    [...new Set(roles.flatMap((role) => [role, ...needs(role)]))].sort();
  const hashes = (names: readonly string[], pick: typeof visible): Json =>
    names.map((name) => {
      const role = parts.roles.get(name) ?? { root: '', files: [] };
      return [name, relative(pick(role.files, role.root), role.root)];
    });
  return drafts.map(({ roles, known, sources: _, ...draft }) => {
    const run = roles === null ? [...parts.roles.keys()].sort() : withNeeds([...roles, ...declared]);
    const seen = withNeeds(known).filter((name) => !run.includes(name));
    const content = {
      play: draft.play,
      variables,
      roles: hashes(run, (all) => all),
      seen: hashes(seen, visible),
      files,
    };
    return { ...draft, fingerprint: hash(canonical(content)) };
  });
}
