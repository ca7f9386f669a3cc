import type { Json } from '../canonical.ts';
import type { Failure } from '../failure.ts';
import type { Position } from '../position.ts';

/** Kinds of declared projects. */
export type ProjectKind = 'image' | 'stack' | 'service' | 'environment' | 'role';

/**
 * Kinds of sources that are read for the graph. `image` to `environment`: a declaration. `role`, `terraform`, `packer`: a
 * folder (or, for Packer, a template). `playbook`, `tasks`: a YAML file. `file`: anything, asked only whether it exists.
 */
export type FactKind =
  | 'image'
  | 'stack'
  | 'service'
  | 'environment'
  | 'role'
  | 'terraform'
  | 'packer'
  | 'playbook'
  | 'tasks'
  | 'file';

/** A source to read: paths are relative to the workspace root, with forward slashes. */
export interface FactRequest {
  readonly kind: FactKind;
  readonly path: string;
  /** The folder of the playbook that leads here: relative lookups of Ansible end there. Only for `tasks` and `role`. */
  readonly playbook?: string;
}

/** What a source refers to. */
export type Target =
  /** Another project by name. */
  | { readonly to: 'project'; readonly kind: ProjectKind; readonly name: string }
  /** A file or folder: the first of these paths that exists. */
  | { readonly to: 'file'; readonly candidates: readonly string[] }
  /** A source that is read on for its own references: the first of these paths that exists. */
  | { readonly to: 'source'; readonly kind: FactKind; readonly candidates: readonly string[] }
  /** Whichever stack keeps its state there. */
  | { readonly to: 'state'; readonly backend: string; readonly key: string };

/** One reference, where it stands, and why it counts, in words that complete "<project> …". */
export interface Reference {
  readonly target: Target;
  readonly at: Position;
  /** Such as "uses the role nginx in its playbook". */
  readonly reason: string;
  /** A reference that may lead out of the workspace (a galaxy role, a path made elsewhere): not found is no failure. */
  readonly optional?: boolean;
  /** A name that has to exist, and no dependency. */
  readonly onlyNamed?: boolean;
}

/** Something that only running the source would show. */
export interface Unknown {
  readonly at: Position;
  /** The text that cannot be resolved, such as `{{ item }}.j2`. */
  readonly text: string;
  /** Why, in words, and what to declare. */
  readonly why: string;
}

/** All that is known from reading one source. */
export interface Facts {
  readonly exists: boolean;
  readonly references: readonly Reference[];
  readonly unknowns: readonly Unknown[];
  readonly failures: readonly Failure[];
  /** A declaration's content, or where a stack keeps its state: for those who need more than references. */
  readonly data?: Json;
}

/** A source file as text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Facts of a source that is not there. */
export const ABSENT: Facts = { exists: false, references: [], unknowns: [], failures: [] };

/** Facts of a source that is there and refers to nothing. */
export const PRESENT: Facts = { exists: true, references: [], unknowns: [], failures: [] };

/** Facts of a source made of several files. */
export function merge(parts: readonly Facts[]): Facts {
  return {
    exists: parts.some((part) => part.exists),
    references: parts.flatMap((part) => part.references),
    unknowns: parts.flatMap((part) => part.unknowns),
    failures: parts.flatMap((part) => part.failures),
  };
}
