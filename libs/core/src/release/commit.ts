/** A commit, as far as it decides versions. */
export interface Commit {
  readonly sha: string;
  /** The first line without type and scope. */
  readonly subject: string;
  /** Of a conventional commit, such as `feat`; null for others. */
  readonly type: string | null;
  /** Whether it says that it breaks what others rely on. */
  readonly breaking: boolean;
  /** Files it touched, relative to the workspace root. */
  readonly files: readonly string[];
}

/** An annotated tag. */
export interface Tag {
  readonly name: string;
  readonly commit: string;
  readonly message: string;
}
