import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  linterContract,
  missingTools,
  stubTool,
  withPath,
  type LinterCase,
  type StubAnswer,
} from '@goldenthread/testing';
import type { Linter, LintTarget } from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { LINTERS } from '../registry.ts';

const FILES: Readonly<Record<string, string>> = {
  'images/good/image.yaml': '---\nname: good\n',
  'images/good/playbook.yml': '---\n- name: Bake\n  hosts: all\n  roles:\n    - web\n',
  'images/good/good.pkr.hcl': 'source "null" "it" {\n  communicator = "none"\n}\n',
  'images/bad/image.yaml': '---\nname: bad \n',
  'images/bad/playbook.yml':
    '---\n- name: Bake\n  hosts: all\n  tasks:\n    - name: Copy\n      ansible.builtin.copyy:\n        src: a\n',
  'images/bad/bad.pkr.hcl': 'source "null" "it" {\n  communicator =\n}\n',
  'roles/web/tasks/main.yml': '---\n- name: Say hello\n  ansible.builtin.debug:\n    msg: hello\n',
};

const target = (name: string, files: readonly string[]): LintTarget => ({
  project: name,
  root: `images/${name}`,
  file: `images/${name}/image.yaml`,
  files: files.map((file) => `images/${name}/${file}`),
  roles: [],
  rolePaths: ['roles'],
});

/** What each linter reads, the error it must find, and how its tool would say so: for the stub in its place. */
const CASES: Readonly<
  Record<
    string,
    Pick<LinterCase, 'wrong'> & {
      readonly program: string;
      readonly clean: LintTarget;
      readonly wrongly: StubAnswer;
    }
  >
> = {
  ansible: {
    program: 'ansible-playbook',
    clean: target('good', ['playbook.yml']),
    wrong: {
      target: target('bad', ['playbook.yml']),
      file: 'images/bad/playbook.yml',
      line: 5,
      says: /resolve module\/action 'ansible\.builtin\.copyy'/,
    },
    wrongly: {
      code: 4,
      script:
        'echo "[ERROR]: couldn\'t resolve module/action \'ansible.builtin.copyy\'. It may be misspelt." >&2; echo "Origin: $PWD/images/bad/playbook.yml:5:7" >&2',
    },
  },
  'ansible-lint': {
    program: 'ansible-lint',
    clean: target('good', ['playbook.yml']),
    wrong: {
      target: target('bad', ['playbook.yml']),
      file: 'images/bad/playbook.yml',
      line: 5,
      says: /copyy/,
    },
    wrongly: {
      code: 2,
      stdout: JSON.stringify([
        {
          check_name: 'syntax-check',
          description: "couldn't resolve copyy",
          severity: 'blocker',
          location: { path: 'images/bad/playbook.yml', lines: { begin: 5 } },
        },
      ]),
    },
  },
  packer: {
    program: 'packer',
    clean: target('good', ['good.pkr.hcl']),
    wrong: {
      target: target('bad', ['bad.pkr.hcl']),
      file: 'images/bad/bad.pkr.hcl',
      line: 2,
      says: /Invalid expression/,
    },
    wrongly: {
      code: 1,
      stderr:
        'Error: Invalid expression\n\n  on images/bad/bad.pkr.hcl line 2:\n  (source code not available)\n\nExpected the start of an expression.\n\n',
    },
  },
  yamllint: {
    program: 'yamllint',
    clean: target('good', ['image.yaml']),
    wrong: {
      target: target('bad', ['image.yaml']),
      file: 'images/bad/image.yaml',
      line: 2,
      says: /trailing spaces/,
    },
    wrongly: { code: 1, stdout: 'images/bad/image.yaml:2:10: [error] trailing spaces (trailing-spaces)\n' },
  },
};

async function workspace(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'goldenthread-linter-'));
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

async function linterAt(name: string, root: string): Promise<Linter> {
  const make = await LINTERS[name]?.();
  if (!make) throw new Error(`no linter ${name}`);
  return make({ root, home: root } as Parts);
}

for (const [name, { program, clean, wrong, wrongly }] of Object.entries(CASES)) {
  linterContract(`${name}, with a stub in the place of ${program}`, async () => {
    const root = await workspace();
    const bin = join(root, 'bin');
    await mkdir(bin);
    const stub = await stubTool(bin, program);
    const linter = await linterAt(name, root);
    return {
      linter: { ...linter, lint: (...given) => withPath([bin], () => linter.lint(...given)) },
      clean,
      wrong,
      prepare: (behaviour) =>
        stub.answer(behaviour === 'clean' ? { stdout: name === 'ansible-lint' ? '[]' : '' } : wrongly),
      endless: () => stub.answer({ script: 'exec sleep 600' }),
      withoutTool: (...given) => withPath([root], () => linter.lint(...given), true),
      dispose: () => rm(root, { recursive: true, force: true }),
    };
  });

  const missing = missingTools(program);
  linterContract(
    `${name}, with the real ${program}`,
    async () => {
      const root = await workspace();
      const linter = await linterAt(name, root);
      return {
        linter,
        clean,
        wrong,
        endless: null,
        withoutTool: (...given) => withPath([root], () => linter.lint(...given), true),
        dispose: () => rm(root, { recursive: true, force: true }),
      };
    },
    missing.length > 0 ? `${program} is not installed` : null,
  );
}
