import { existsSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { posix, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fail, ok, type Failure, type Result } from '@goldenthread/core';

/** Lets a thread load TypeScript: what to hand to `register` of `node:module`. */
export interface TypeScriptHooks {
  readonly url: string;
  readonly data: { readonly typescript: string };
}

/** A module of the user's own, and what a thread needs in order to load it. */
export interface OwnModule {
  /** Relative to the workspace root, without detours: as it is told. */
  readonly path: string;
  readonly url: string;
  /** Null for JavaScript. */
  readonly hooks: TypeScriptHooks | null;
}

/*
 * How Node loads TypeScript here: each file is translated when it is imported, under its own name. So a module finds its
 * siblings (also `./x.js` where there is only x.ts) and its packages, its place is what it thinks it is, and nothing is
 * written anywhere. Types are taken off and not checked; `.cts` files and those in node_modules stay what they are. It is a
 * text because it runs in a thread of Node's, which knows neither our bundle nor our packages.
 */
const HOOKS = `
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
let ts;
const isSource = (url) => /^file:[^?#]*\\.m?ts(?:[?#]|$)/.test(url) && !url.includes('/node_modules/');
export async function initialize({ typescript }) {
  ts = (await import(typescript)).default;
}
export function resolve(specifier, context, next) {
  if (/^\\.{1,2}\\/.*\\.m?js$/.test(specifier) && isSource(context.parentURL ?? '')) {
    const source = new URL(specifier.replace(/js$/, 'ts'), context.parentURL);
    if (!existsSync(new URL(specifier, context.parentURL)) && existsSync(source)) return next(source.href, context);
  }
  return next(specifier, context);
}
export function load(url, context, next) {
  if (!isSource(url)) return next(url, context);
  const fileName = fileURLToPath(url);
  const { outputText, diagnostics } = ts.transpileModule(readFileSync(fileName, 'utf8'), {
    fileName,
    reportDiagnostics: true,
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const [wrong] = diagnostics ?? [];
  if (wrong) {
    const { line, character } = ts.getLineAndCharacterOfPosition(wrong.file, wrong.start ?? 0);
    const words = ts.flattenDiagnosticMessageText(wrong.messageText, ' ');
    throw new SyntaxError(fileName + ':' + (line + 1) + ':' + (character + 1) + ' ' + words);
  }
  return { format: 'module', source: outputText, shortCircuit: true };
}
`;

const TYPESCRIPT_MISSING: Failure = {
  code: 'tool-missing',
  tool: 'typescript',
  purpose: 'loading TypeScript modules of your own',
  install: 'npm install typescript.',
};

function typescriptHooks(): Result<TypeScriptHooks> {
  try {
    const path = createRequire(import.meta.url).resolve('typescript');
    const url = `data:text/javascript,${encodeURIComponent(HOOKS)}`;
    return ok({ url, data: { typescript: pathToFileURL(path).href } });
  } catch {
    return fail(TYPESCRIPT_MISSING);
  }
}

/** A module of the user's own at a path relative to the workspace root; `usage` where it is none that can be loaded. */
export function ownModule(root: string, given: string): Result<OwnModule> {
  const path = posix.normalize(given);
  const file = resolve(root, path);
  const refuse = (detail: string): Result<never> =>
    fail({ code: 'usage', detail, hint: 'Name a file that ends in .js, .mjs, .cjs, .ts or .mts.' });
  if (!existsSync(file)) return refuse(`there is no file ${path}`);
  const found = { path, url: pathToFileURL(file).href };
  if (/\.(m|c)?js$/.test(path)) return ok({ ...found, hooks: null });
  if (!/\.m?ts$/.test(path)) return refuse(`${path} is no module that can be loaded`);
  const hooks = typescriptHooks();
  return hooks.ok ? ok({ ...found, hooks: hooks.value }) : hooks;
}

/** What an error says in its first lines, whatever was thrown. */
export const thrownText = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 2_000);

/** The failure for a module that does not load. */
export const unloadable = (path: string, why: string): Failure => ({
  code: 'usage',
  detail: `${path} cannot be loaded: ${why}`,
  hint: 'Give the path of a JavaScript or TypeScript module, relative to the workspace root, and correct what it says.',
});

// For all of a process, and once: whoever asks twice would have everything translated twice.
let registered = false;

/** Loads a module of the user's own into this process: for adapters, which are trusted like our own. */
export async function importOwn(
  root: string,
  path: string,
): Promise<Result<Readonly<Record<string, unknown>>>> {
  const found = ownModule(root, path);
  if (!found.ok) return found;
  const { url, hooks } = found.value;
  if (hooks && !registered) {
    register(hooks.url, { data: hooks.data });
    registered = true;
  }
  try {
    return ok((await import(url)) as Readonly<Record<string, unknown>>);
  } catch (error) {
    return fail(unloadable(found.value.path, thrownText(error)));
  }
}
