import ts from 'typescript';
import { at, isSpec, nodes, type Source } from './source.ts';

/** The numbers that keep files and functions readable. */
export const LIMITS = {
  file: { median: 100, p90: 200, max: 400 },
  function: { median: 12, p90: 40, max: 80 },
  parameters: 4,
  comments: { min: 0.08, max: 0.2, least: 0.05 },
} as const;

/** Files or functions that are longer, and why that is plainer: `path` or `path#function`. */
export const EXCEPTIONS: Readonly<Record<string, string>> = {};

/** Lines of a text; a line break at the end begins no new one. */
export const lines = (text: string): number => text.replace(/\n$/, '').split('\n').length;

interface Measured {
  readonly name: string;
  readonly at: string;
  readonly lines: number;
  readonly parameters: number;
}

type Bodied = ts.FunctionDeclaration | ts.MethodDeclaration | ts.ArrowFunction | ts.FunctionExpression;

const isBodied = (node: ts.Node): node is Bodied =>
  (ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isArrowFunction(node) ||
    ts.isFunctionExpression(node)) &&
  node.body !== undefined;

/** The name of a function, or of what it is given to; '' for one that is written as an argument. */
function nameOf(node: Bodied): string {
  if (node.name) return node.name.getText();
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) return parent.name.getText();
  return '';
}

/** Every function with a name. What stands inside calls, such as a suite's body, is part of whatever surrounds it. */
export function functions(source: Source): readonly Measured[] {
  return [...nodes(source.ast)].filter(isBodied).flatMap((node) => {
    const name = nameOf(node);
    const measured = {
      name,
      at: at(source, node),
      lines: lines(node.getText(source.ast)),
      parameters: node.parameters.length,
    };
    return name === '' ? [] : [measured];
  });
}

/** The value below which a share of the numbers lies. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const excused = (key: string): boolean => Object.hasOwn(EXCEPTIONS, key);

/** Files that are too long. */
export const longFiles = (sources: readonly Source[]): readonly string[] =>
  sources
    .filter(({ path, text }) => lines(text) > LIMITS.file.max && !excused(path))
    .map(
      ({ path, text }) =>
        `${path} has ${lines(text)} lines, more than ${LIMITS.file.max}: it does several jobs; give each its file`,
    );

/** Functions that are too long. */
export const longFunctions = (source: Source): readonly string[] =>
  functions(source)
    .filter((one) => one.lines > LIMITS.function.max && !excused(`${source.path}#${one.name}`))
    .map(
      (one) =>
        `${one.at} ${one.name} has ${one.lines} lines, more than ${LIMITS.function.max}: name its steps`,
    );

/** Functions and signatures with too many positional parameters. */
export function manyParameters(source: Source): readonly string[] {
  const wide = [...nodes(source.ast)].filter(
    (node): node is ts.SignatureDeclaration =>
      ts.isFunctionLike(node) && node.parameters.length > LIMITS.parameters,
  );
  return wide.map(
    (node) =>
      `${at(source, node)} takes ${node.parameters.length} parameters, more than ${LIMITS.parameters}: nobody remembers their order; take an object`,
  );
}

/** How files and functions are spread, where that is more than the habit allows. */
export function spread(sources: readonly Source[]): readonly string[] {
  const written = sources.filter((source) => !isSpec(source));
  const kinds = [
    { kind: 'files', limits: LIMITS.file, numbers: written.map(({ text }) => lines(text)) },
    {
      kind: 'functions',
      limits: LIMITS.function,
      numbers: written.flatMap((source) => functions(source).map((one) => one.lines)),
    },
  ];
  return kinds.flatMap(({ kind, limits, numbers }) => {
    const shares = [
      { word: 'median', share: 0.5, limit: limits.median },
      { word: '90th percentile', share: 0.9, limit: limits.p90 },
    ];
    return shares
      .filter(({ share, limit }) => quantile(numbers, share) > limit)
      .map(
        ({ word, share, limit }) =>
          `the ${word} of ${kind} is ${quantile(numbers, share)} lines, more than ${limit}`,
      );
  });
}

/** The share of lines that hold a comment, of all lines that are not empty. */
export function commentShare(sources: readonly Source[]): number {
  let [comments, all] = [0, 0];
  for (const { text, ast } of sources) {
    const commented = new Set<number>();
    const mark = (start: number, end: number): void => {
      const first = ast.getLineAndCharacterOfPosition(start).line;
      const last = ast.getLineAndCharacterOfPosition(end).line;
      for (let line = first; line <= last; line += 1) commented.add(line);
    };
    for (const node of nodes(ast)) {
      ts.forEachLeadingCommentRange(text, node.getFullStart(), mark);
      ts.forEachTrailingCommentRange(text, node.getEnd(), mark);
    }
    comments += commented.size;
    all += text.split('\n').filter((line) => line.trim() !== '').length;
  }
  return all === 0 ? 0 : comments / all;
}
