import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** A file of this repository, parsed where it is code. */
export interface Source {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
}

/** This repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Parses a text as the file of that name: for cases that show a rule at work. */
export const parse = (path: string, text: string): Source => ({
  path,
  text,
  ast: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true),
});

/** Every file that is tracked, or new and not ignored, sorted. */
export function files(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  const names = [...new Set(listed.split('\0'))].filter((name) => name !== '').sort();
  return names.filter((name) => existsSync(join(root, name)));
}

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

let parsed: readonly Source[] | undefined;

const CODE = /^(libs\/[^/]+\/src\/.*\.ts|apps\/cli\/(src\/.*\.ts|bin\/.*\.js)|tools\/.*\.(ts|mjs))$/;

/** All code of the toolkit itself: libraries, command line, tools; the services in apps/ are content. */
export function code(): readonly Source[] {
  parsed ??= files()
    .filter((path) => CODE.test(path))
    .map((path) => parse(path, read(path)));
  return parsed;
}

/** The source files that package.json files name as entries of their libraries. */
export function entryPoints(): readonly string[] {
  const manifests = files().filter((path) => /^(libs|apps)\/[^/]+\/package\.json$/.test(path));
  return manifests.flatMap((path) => {
    const { exports = {} } = JSON.parse(read(path)) as {
      exports?: Record<string, Record<string, string> | string>;
    };
    const targets = Object.values(exports).map((entry) =>
      typeof entry === 'object' ? entry['@goldenthread/source'] : undefined,
    );
    return targets
      .filter((target) => target !== undefined)
      .map((target) => posix.join(posix.dirname(path), target));
  });
}

/** Whether the file is a specification. */
export const isSpec = ({ path }: Source): boolean => path.endsWith('.spec.ts');

/** `path:line` of a node. */
export const at = ({ path, ast }: Source, node: ts.Node): string =>
  `${path}:${ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1}`;

/** A node and everything below it. */
export function* nodes(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  for (const child of children) yield* nodes(child);
}

/** A module that a file names, and where. */
export interface Import {
  readonly name: string;
  /** `path:line` */
  readonly at: string;
  readonly lazy: boolean;
  /** Names nothing but types. */
  readonly typeOnly: boolean;
}

/** What a file imports, re-exports or loads lazily. */
export function imports(source: Source): readonly Import[] {
  return [...nodes(source.ast)].flatMap((node) => {
    const lazy = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
    const named =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? node.moduleSpecifier : undefined;
    const specifier = lazy ? node.arguments[0] : named;
    const typeOnly = ts.isImportDeclaration(node)
      ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
      : ts.isExportDeclaration(node) && node.isTypeOnly;
    return specifier && ts.isStringLiteralLike(specifier)
      ? [{ name: specifier.text, at: at(source, node), lazy, typeOnly }]
      : [];
  });
}

/** Whether a declaration carries `export`. */
export const isExported = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) &&
  (ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false);
