import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ok, type ImageVerifier, type TestCase } from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { run } from '../host.ts';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const SHELLS = new Set(['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh']);

/** How a script that comes on standard input is run inside the machine: by the interpreter it names, or sh. */
export function interpreter(script: string): readonly string[] {
  const shebang = /^#!\s*(\S+)(?:\s+(\S+))?/.exec(script);
  const named = shebang?.[1] !== undefined && basename(shebang[1]) === 'env' ? shebang[2] : shebang?.[1];
  const program = named ?? 'sh';
  return [program, SHELLS.has(basename(program)) ? '-s' : '-'];
}

const TAP = /^(not )?ok\b(?:\s+\d+)?(?:\s*-)?\s*(.*)$/;

/** The cases of a script: one for each TAP line, or one for its exit code where it prints none. */
export function scriptCases(name: string, code: number, output: string): readonly TestCase[] {
  const lines = output.split('\n');
  const cases = lines.flatMap((line, index): readonly TestCase[] => {
    const match = TAP.exec(line);
    if (!match) return [];
    const text = match[2] === undefined || match[2] === '' ? `${name} line ${index + 1}` : match[2];
    const skipped = /#\s*skip\b/i.test(text);
    const said = lines
      .slice(index + 1)
      .filter((next) => next.startsWith('#'))
      .slice(0, 5)
      .join('\n');
    if (!match[1]) return [{ name: text, outcome: skipped ? 'skipped' : 'passed', seconds: 0 }];
    return [{ name: text, outcome: 'failed', seconds: 0, message: said === '' ? line : said }];
  });
  if (code === 0 && cases.length > 0) return cases;
  if (code === 0) return [{ name, outcome: 'passed', seconds: 0 }];
  if (cases.some((one) => one.outcome === 'failed')) return cases;
  const tail = lines
    .filter((line) => line.trim() !== '')
    .slice(-10)
    .join('\n');
  return [
    ...cases,
    {
      name,
      outcome: 'failed',
      seconds: 0,
      message: `${tail === '' ? 'it said nothing' : tail}\nexit code ${code}`,
    },
  ];
}

/** A script that runs inside the machine, with nothing but a PATH in its environment. */
export function createScript({ root }: Parts): ImageVerifier {
  return {
    name: 'script',
    tools: [],
    async verify(machine, check, image, call) {
      const started = performance.now();
      const text = await readFile(join(root, check.path), 'utf8');
      const finished = await run(
        {
          argv: [
            ...machine.inside,
            '/usr/bin/env',
            '-i',
            PATH,
            'LC_ALL=C.UTF-8',
            `GOLDENTHREAD_IMAGE=${image}`,
            ...interpreter(text),
          ],
          input: [text],
          timeout: check.timeout,
          onLine: (line) => call.emit({ type: 'output', project: image, line }),
        },
        call,
      );
      if (!finished.ok) return finished;
      const { code, stdout, stderr } = finished.value;
      const seconds = (performance.now() - started) / 1000;
      const cases = scriptCases(check.path, code, `${stdout}\n${stderr}`.trim());
      return ok({
        name: `script ${check.path}`,
        verifier: 'script',
        on: check.on,
        seconds,
        cases: [...cases],
      });
    },
  };
}
