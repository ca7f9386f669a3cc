import ts from 'typescript';
import { at, isExported, isSpec, nodes, type Source } from './source.ts';

interface Exception {
  readonly files: RegExp;
  readonly why: string;
}

/** Where a tool insists on a default export. */
export const DEFAULT_EXPORTS: readonly Exception[] = [
  { files: /\.config\.ts$/, why: 'Vitest reads its configuration from the default export' },
  {
    files: /^libs\/plugin\/src\/(generators|executors)\/[^/]+\/(generator|executor)\.ts$/,
    why: 'Nx calls the default export',
  },
];

interface Rule {
  readonly applies: (node: ts.Node, source: Source, entries: readonly string[]) => boolean;
  readonly words: string;
}

const excused = ({ path }: Source): boolean => DEFAULT_EXPORTS.some(({ files }) => files.test(path));

const isDefault = (node: ts.Node): boolean =>
  ts.isExportAssignment(node) ||
  (ts.canHaveModifiers(node) &&
    ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) === true);

const RULES: readonly Rule[] = [
  {
    applies: (node) => node.kind === ts.SyntaxKind.AnyKeyword,
    words: 'says `any`: name the type, or `unknown` and find out',
  },
  {
    applies: (node) => ts.isEnumDeclaration(node),
    words: 'declares an enum: a union of literals is plain data and vanishes at run time',
  },
  {
    applies: (node, source) => isDefault(node) && !excused(source),
    words: 'has a default export: everybody would call it differently',
  },
  {
    applies: (node, { path }, entries) =>
      ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && !entries.includes(path),
    words: "passes on another file's exports: only what package.json names as a library's entry does",
  },
  {
    applies: (node) =>
      ts.isClassDeclaration(node) && node.heritageClauses !== undefined && !extendsError(node),
    words: 'extends a class: pass what differs as a function',
  },
];

const extendsError = (node: ts.ClassDeclaration): boolean =>
  node.heritageClauses?.every((clause) => /\b\w*Error\b/.test(clause.getText())) === true;

/** What the file calls or exports in a way the house does not; `entries` are the entry points of all libraries. */
export const badNames = (source: Source, entries: readonly string[]): readonly string[] =>
  [...nodes(source.ast)].flatMap((node) =>
    RULES.filter(({ applies }) => applies(node, source, entries)).map(
      ({ words }) => `${at(source, node)} ${words}`,
    ),
  );

type Documented =
  | ts.FunctionDeclaration
  | ts.InterfaceDeclaration
  | ts.TypeAliasDeclaration
  | ts.ClassDeclaration
  | ts.VariableStatement;

const needsWords = (node: ts.Node): node is Documented =>
  (ts.isFunctionDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isVariableStatement(node)) &&
  isExported(node);

const nameOf = (node: Documented): string =>
  ts.isVariableStatement(node)
    ? node.declarationList.declarations.map((one) => one.name.getText()).join(', ')
    : (node.name?.text ?? 'it');

const hasWords = (node: ts.Node): boolean =>
  ts
    .getJSDocCommentsAndTags(node)
    .some((doc) => ts.isJSDoc(doc) && (ts.getTextOfJSDocComment(doc.comment) ?? '').trim() !== '');

/** Exported names that nothing is said about. */
export function undocumented(source: Source): readonly string[] {
  if (isSpec(source)) return [];
  const silent = source.ast.statements.filter(needsWords).filter((node) => !hasWords(node));
  return silent.map(
    (node) => `${at(source, node)} exports ${nameOf(node)} without a word: say in a sentence what it is`,
  );
}
