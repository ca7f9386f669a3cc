import { declaredAt, declaredKeyAt, type Declared } from '../declaration/parse.ts';
import { join } from '../paths.ts';
import type { FactKind, ProjectKind, Reference } from './facts.ts';

/** What the references of one declaration are made with; paths in it are relative to its folder. */
export interface Maker {
  project(kind: ProjectKind, name: string, at: readonly PropertyKey[], reason: string): Reference;
  /** A name that has to exist, and no dependency. */
  named(kind: ProjectKind, name: string, at: readonly PropertyKey[]): Reference;
  file(path: string, at: readonly PropertyKey[], reason: string): Reference;
  source(kind: FactKind, path: string, at: readonly PropertyKey[], reason: string): Reference;
  /** The same, but it may also lie at this other path, or nowhere. */
  maybe(reference: Reference, other: string): Reference;
}

/** Makes the references of a declaration whose folder is `root`. */
export function maker(declared: Declared<unknown>, root: string): Maker {
  const at = (path: readonly PropertyKey[]): Reference['at'] => declaredAt(declared, path);
  return {
    project: (kind, name, path, reason) => ({ target: { to: 'project', kind, name }, at: at(path), reason }),
    named: (kind, name, path) => ({
      target: { to: 'project', kind, name },
      // The name is the key where it says something about what is called so, and an item of a list elsewhere.
      at: declaredKeyAt(declared, path),
      reason: `names the ${kind} ${name}`,
      onlyNamed: true,
    }),
    file: (name, path, reason) => ({
      target: { to: 'file', candidates: [join(root, name)] },
      at: at(path),
      reason,
    }),
    source: (kind, name, path, reason) => ({
      target: { to: 'source', kind, candidates: [join(root, name)] },
      at: at(path),
      reason,
    }),
    maybe: (reference, other) => {
      const { target } = reference;
      if (!('candidates' in target)) return reference;
      return {
        ...reference,
        target: { ...target, candidates: [...new Set([join(root, other), ...target.candidates])] },
        optional: true,
      };
    },
  };
}
