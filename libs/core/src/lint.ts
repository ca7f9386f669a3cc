/** Something that a linter does not like, and where. */
export interface Finding {
  /** Path relative to the workspace root, with forward slashes. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  readonly message: string;
  /** The linter and its rule, such as "yamllint trailing-spaces". */
  readonly rule: string;
  /** Errors fail the run; warnings are only said. */
  readonly level: 'error' | 'warning';
}

/** A finding as editors and terminals link it: `file:line:column message (rule)`. */
export const findingText = ({ file, line, column, message, rule }: Finding): string =>
  `${file}:${line}:${column} ${message} (${rule})`;

/** Findings in the order of the files, each once. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  const distinct = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...distinct.values()].sort(
    (a, b) => byText(a.file, b.file) || a.line - b.line || a.column - b.column || byText(a.rule, b.rule),
  );
}
