import { spawn, type ChildProcess } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Node 20 reads no TypeScript: these hooks take the types away with the workspace's own compiler.
const hooks = (compiler: string): string => `
import ts from ${JSON.stringify(compiler)};
import { readFile } from 'node:fs/promises';
export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const text = await readFile(new URL(url), 'utf8');
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true };
  return { format: 'module', shortCircuit: true, source: ts.transpileModule(text, { compilerOptions: options }).outputText };
}`;

const data = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;

/** Arguments for Node to run a module's text on this workspace's sources, in a process that can be killed. */
export function sourceArguments(code: string, clone: string): readonly string[] {
  const compiler = `file://${clone}/${createRequire(import.meta.url)
    .resolve('typescript')
    .split('/')
    .slice(-4)
    .join('/')}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(data(hooks(compiler)))});`;
  return ['--conditions=@goldenthread/source', '--import', data(register), '--input-type=module', '-e', code];
}

/** Runs a module's text on the sources; `before` is put before the argv. */
export function runSource(code: string, clone: string, before: readonly string[] = []): ChildProcess {
  const [program = '', ...args] = [...before, process.execPath, ...sourceArguments(code, clone)];
  return spawn(program, args, { cwd: clone, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Processes that name a path in their arguments or have something mounted below it. */
export function tracesOf(path: string): readonly string[] {
  const read = (file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  };
  const own = `${process.pid}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== own)
    .filter((pid) => `${read(`/proc/${pid}/cmdline`)}\n${read(`/proc/${pid}/mountinfo`)}`.includes(path));
}

const runs = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Does something while a program is not on PATH: every other program is. */
export async function without<T>(program: string, task: () => Promise<T>): Promise<T> {
  const before = process.env['PATH'] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'goldenthread-path-'));
  try {
    mkdirSync(folder, { recursive: true });
    for (const from of [...before.split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'])
      for (const name of existsSync(from) ? readdirSync(from) : [])
        if (name !== program && !existsSync(join(folder, name)) && runs(join(from, name)))
          symlinkSync(join(from, name), join(folder, name));
    process.env['PATH'] = folder;
    return await task();
  } finally {
    process.env['PATH'] = before;
    rmSync(folder, { recursive: true, force: true });
  }
}
