import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  linterContract,
  missingTools,
  stubTool,
  withPath,
  type LinterCase,
  type Stub,
  type StubAnswer,
} from '@goldenthread/testing';
import type { Linter, LintTarget } from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { checkovFindings, createCheckov } from './checkov.ts';
import { createTerraformLinter, formFindings } from './terraform.ts';
import { createTflint, tflintFindings } from './tflint.ts';

const FILES: Readonly<Record<string, string>> = {
  'infra/good/stack.yaml': '',
  'infra/good/main.tf': 'resource "terraform_data" "one" {\n  input = "a"\n}\n',
  'infra/good/tests/main.tftest.hcl': 'run "plans" {\n  command = plan\n}\n',
  'infra/bad/stack.yaml': '',
  'infra/bad/main.tf': 'resource "terraform_data" "one" {\n  inputt = "a"\n}\n',
  'infra/form/main.tf':
    'resource "terraform_data" "one" {\n  input = "a"\n}\n\nlocals {\na = 1\n   b = 2\n}\n',
  'infra/form/tests/x.tftest.hcl': 'run "plans" {\ncommand = plan\n}\n',
  'infra/broken/main.tf': 'resource "terraform_data" "one" {\n',
};

const target = (name: string): LintTarget => ({
  project: name,
  root: `infra/${name}`,
  file: `infra/${name}/stack.yaml`,
  files: [`infra/${name}`],
  roles: [],
  rolePaths: [],
});

async function workspace(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'goldenthread-linter-'));
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

const call = { signal: new AbortController().signal, emit: () => undefined };
const missing = missingTools('terraform');
const why = missing.length > 0 ? 'terraform is not installed' : null;

linterContract(
  'terraform, with the real one',
  async () => {
    const root = await workspace();
    const linter = createTerraformLinter({ root, home: join(root, 'home') } as Parts);
    return {
      linter,
      clean: target('good'),
      wrong: { target: target('bad'), file: 'infra/bad/main.tf', line: 2, says: /"inputt" is not expected/ },
      endless: null,
      withoutTool: (...given) => withPath([root], () => linter.lint(...given), true),
      dispose: () => rm(root, { recursive: true, force: true }),
    };
  },
  why,
);

describe.skipIf(why !== null)('the linter terraform', () => {
  it('names each file that has another form, once, with the way out', async () => {
    const root = await workspace();
    const linter = createTerraformLinter({ root, home: join(root, 'home') } as Parts);
    expect(await linter.lint(target('form'), call)).toMatchObject({
      ok: true,
      value: [
        {
          file: 'infra/form/main.tf',
          line: 6,
          rule: 'terraform fmt',
          message: expect.stringContaining('`terraform fmt infra/form/main.tf`') as string,
        },
        { file: 'infra/form/tests/x.tftest.hcl', line: 2, rule: 'terraform fmt' },
      ],
    });
    await rm(root, { recursive: true });
  });

  it('says of a file that does not parse where it is wrong, and leaves nothing beside it', async () => {
    const root = await workspace();
    const linter = createTerraformLinter({ root, home: join(root, 'home') } as Parts);
    const found = await linter.lint(target('broken'), call);
    expect(found).toMatchObject({
      ok: true,
      value: [{ file: 'infra/broken/main.tf', line: 1, column: 33, rule: 'terraform validate' }],
    });
    expect(await readdir(join(root, 'infra/broken'))).toEqual(['main.tf']);
    await rm(root, { recursive: true });
  });

  it('fetches modules where it needs some, into a folder of its own', async () => {
    const root = await workspace();
    await writeFile(join(root, 'infra/good/more.tf'), 'module "form" {\n  source = "../form"\n}\n');
    const linter = createTerraformLinter({ root, home: join(root, 'home') } as Parts);
    expect(await linter.lint(target('good'), call)).toEqual({ ok: true, value: [] });
    expect((await readdir(join(root, 'infra/good'))).toSorted()).toEqual([
      'main.tf',
      'more.tf',
      'stack.yaml',
      'tests',
    ]);
    await rm(root, { recursive: true });
  });
});

describe('formFindings', () => {
  it('finds nothing in no diff', () => {
    expect(formFindings('')).toEqual([]);
  });
});

interface Stubbed {
  readonly name: string;
  readonly create: (parts: Parts) => Linter;
  readonly clean: string;
  readonly wrongly: StubAnswer;
  readonly says: RegExp;
}

const TFLINT_REPORT = {
  issues: [
    {
      rule: { name: 'aws_instance_invalid_type', severity: 'error', link: 'https://example.org' },
      message: '"t9.nano" is an invalid value',
      range: { filename: 'main.tf', start: { line: 2, column: 3 }, end: { line: 2, column: 9 } },
      callers: [],
    },
    {
      rule: { name: 'terraform_required_version', severity: 'warning', link: '' },
      message: 'terraform "required_version" attribute is required',
      range: { filename: '', start: { line: 0, column: 0 }, end: { line: 0, column: 0 } },
      callers: [],
    },
  ],
  errors: [],
};

const CHECKOV_REPORT = {
  check_type: 'terraform',
  results: {
    passed_checks: [],
    failed_checks: [
      {
        check_id: 'CKV_AWS_8',
        check_name: 'Ensure all data is encrypted',
        check_result: { result: 'FAILED' },
        file_path: '/main.tf',
        file_line_range: [2, 9],
        resource: 'aws_instance.edge',
        severity: null,
        guideline: null,
      },
    ],
    skipped_checks: [],
    parsing_errors: [],
  },
  summary: {
    passed: 0,
    failed: 1,
    skipped: 0,
    parsing_errors: 0,
    resource_count: 1,
    checkov_version: '3.2.0',
  },
};

const TFLINT_STUB: Stubbed = {
  name: 'tflint',
  create: createTflint,
  clean: '{"issues":[],"errors":[]}',
  wrongly: { code: 2, stdout: JSON.stringify(TFLINT_REPORT) },
  says: /t9\.nano/,
};

const CHECKOV_STUB: Stubbed = {
  name: 'checkov',
  create: createCheckov,
  clean:
    '{"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0, "checkov_version": "3.2.0"}',
  wrongly: { code: 1, stdout: JSON.stringify(CHECKOV_REPORT) },
  says: /aws_instance\.edge: Ensure all data is encrypted/,
};

async function stubbed({
  name,
  create,
  clean,
  wrongly,
  says,
}: Stubbed): Promise<LinterCase & { readonly stub: Stub; readonly root: string }> {
  const root = await workspace();
  const bin = join(root, 'bin');
  await mkdir(bin);
  const stub = await stubTool(bin, name, { stdout: clean });
  const linter = create({ root, home: root } as Parts);
  return {
    stub,
    root,
    linter: { ...linter, lint: (...given) => withPath([bin], () => linter.lint(...given)) },
    clean: target('good'),
    wrong: { target: target('bad'), file: 'infra/bad/main.tf', line: 2, says },
    prepare: (behaviour) => stub.answer(behaviour === 'clean' ? { stdout: clean } : wrongly),
    endless: () => stub.answer({ script: 'exec sleep 600' }),
    withoutTool: (...given) => withPath([root], () => linter.lint(...given), true),
    dispose: () => rm(root, { recursive: true, force: true }),
  };
}

// Neither can be had everywhere: the stubs print what the real ones do.
for (const one of [TFLINT_STUB, CHECKOV_STUB])
  linterContract(`${one.name}, with a stub in its place`, () => stubbed(one));

describe('tflint', () => {
  it('says what has no place about the declaration, and what TFLint could not do', () => {
    const errors = [
      {
        summary: 'Unclosed block',
        message: 'There is\nno brace',
        severity: 'error',
        range: { filename: 'a.tf', start: { line: 3, column: 1 } },
      },
      { message: 'no plugin', severity: 'error' },
    ];
    expect(
      tflintFindings(JSON.stringify({ ...TFLINT_REPORT, errors }), 'infra/x', 'infra/x/stack.yaml'),
    ).toMatchObject([
      { file: 'infra/x/main.tf', level: 'error' },
      {
        file: 'infra/x/stack.yaml',
        line: 1,
        column: 1,
        level: 'warning',
        rule: 'tflint terraform_required_version',
      },
      { file: 'infra/x/a.tf', line: 3, message: 'Unclosed block: There is no brace', level: 'error' },
      { file: 'infra/x/stack.yaml', message: 'no plugin', level: 'error' },
    ]);
  });

  it('takes the settings of the workspace where the folder has none, and fails where TFLint says nothing that can be read', async () => {
    const made = await stubbed(TFLINT_STUB);
    await writeFile(join(made.root, '.tflint.hcl'), '');
    await made.linter.lint(target('good'), call);
    await writeFile(join(made.root, 'infra/good/.tflint.hcl'), '');
    await made.linter.lint(target('good'), call);
    expect((await made.stub.calls()).map((args) => args.at(-1))).toEqual([
      `--config=${made.root}/.tflint.hcl`,
      '--no-color',
    ]);
    await made.stub.answer({ code: 1, stderr: 'Failed to load configurations' });
    expect(await made.linter.lint(target('good'), call)).toMatchObject({
      ok: false,
      failures: [{ code: 'tool-failed', tool: 'tflint', detail: 'Failed to load configurations' }],
    });
    await made.dispose();
  });
});

describe('checkov', () => {
  it('reads a list of reports, absolute paths, and files that it cannot parse', () => {
    const [check] = CHECKOV_REPORT.results.failed_checks;
    const report = [
      CHECKOV_REPORT,
      {
        results: {
          failed_checks: [
            {
              ...check,
              file_path: '/../mod/a.tf',
              file_abs_path: '/w/infra/mod/a.tf',
              guideline: 'https://example.org/8',
            },
          ],
          parsing_errors: ['/w/infra/x/b.tf'],
        },
      },
    ];
    expect(checkovFindings(JSON.stringify(report), '/w', 'infra/x', 'error')).toMatchObject([
      { file: 'infra/x/main.tf', line: 2, level: 'error', rule: 'checkov CKV_AWS_8' },
      {
        file: 'infra/mod/a.tf',
        message: 'aws_instance.edge: Ensure all data is encrypted (https://example.org/8)',
      },
      { file: 'infra/x/b.tf', level: 'warning', rule: 'checkov parsing' },
    ]);
  });

  it('only warns of what its settings let pass', async () => {
    const made = await stubbed(CHECKOV_STUB);
    await made.stub.answer({ code: 0, stdout: JSON.stringify(CHECKOV_REPORT) });
    expect(await made.linter.lint(target('bad'), call)).toMatchObject({
      ok: true,
      value: [{ level: 'warning' }],
    });
    await made.dispose();
  });
});
