import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Failure } from '../failure.ts';
import { underline } from '../position.ts';
import { WrittenEnvironment } from './environment.ts';
import { WrittenImage } from './image.ts';
import { declaredAt, parseDeclaration } from './parse.ts';
import { WrittenService } from './service.ts';
import { WrittenStack } from './stack.ts';

const refused = (schema: z.ZodType, text: string): readonly Extract<Failure, { at: unknown }>[] => {
  const parsed = parseDeclaration(schema, 'x.yaml', text);
  if (parsed.ok) throw new Error(`accepted: ${text}`);
  return parsed.failures.flatMap((failure) => ('at' in failure ? [failure] : []));
};

/** Each problem as "line:column underlined text: found; expected". */
const told = (schema: z.ZodType, text: string): readonly string[] =>
  refused(schema, text).map((failure) => {
    const { line, column, length, text: whole } = failure.at;
    const marked = whole.slice(column - 1, column - 1 + length);
    return failure.code === 'declaration-invalid'
      ? `${line}:${column} ${marked}: ${failure.found}; ${failure.expected}`
      : `${line}:${column} ${failure.code}`;
  });

const NAME = 'a name of lower-case letters, digits, ".", "_" and "-" (at most 63)';

describe('an image that is refused', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'an unknown key',
      'base: { image: base }\nconfig: {}\ncolour: red\n',
      [
        '3:1 colour: the unknown key "colour"; one of name, role, description, builder, playbook, roles, variables, backend, packer, tests, share, uses',
      ],
    ],
    [
      'an unknown key that looks like one',
      'playbok: a.yml\n',
      ['1:1 playbok: the unknown key "playbok"; "playbook"'],
    ],
    [
      'an unknown key where one is left',
      'roles: [{ role: web, tags: x }]\n',
      ['1:22 tags: the unknown key "tags"; "vars"'],
    ],
    [
      'an unknown key where none is left',
      'roles: [{ role: web, vars: {}, tags: x }]\n',
      ['1:32 tags: the unknown key "tags"; no other key'],
    ],
    [
      'a needed key, misspelt: said once',
      'base:\n  mmdebstrap:\n    suit: bookworm\n',
      ['3:5 suit: the unknown key "suit"; "suite"'],
    ],
    ['a text for a list', 'roles: nginx\n', ['1:8 nginx: "nginx"; a list']],
    ['a list for a text', 'playbook: [a]\n', ['1:11 [a]: ["a"]; a text']],
    ['a text for a map', 'config: nginx\n', ['1:9 nginx: "nginx"; a map']],
    ['a number for a text', 'config: { env: { PORT: 8080 } }\n', ['1:24 8080: 8080; a text']],
    ['nothing at all', 'name:\n', ['1:1 name: nothing; a text']],
    ['a word of none of a choice', 'backend: dokcer\n', ['1:10 dokcer: "dokcer"; one of overlay, docker']],
    ['a name in capitals', 'name: Edge\n', [`1:7 Edge: "Edge"; ${NAME}`]],
    ['an empty text', 'playbook: ""\n', ['1:11 "": ""; a text that is not empty']],
    [
      'an absolute path',
      'playbook: /etc/a.yml\n',
      ['1:11 /etc/a.yml: "/etc/a.yml"; a relative path with forward slashes'],
    ],
    ['a number that is too small', 'tests: [{ script: a, timeout: 0 }]\n', ['1:31 0: 0; at least 1']],
    [
      'a number that is too large',
      'tests: [{ script: a, timeout: 3601 }]\n',
      ['1:31 3601: 3601; at most 3600'],
    ],
    [
      'a number that is not whole',
      'tests: [{ script: a, timeout: 1.5 }]\n',
      ['1:31 1.5: 1.5; a whole number'],
    ],
    ['a text for a number', 'tests: [{ script: a, timeout: 5s }]\n', ['1:31 5s: "5s"; a whole number']],
    [
      'an address without a scheme',
      'base: { mmdebstrap: { suite: bookworm, mirror: debian } }\n',
      ['1:48 debian: "debian"; an address with its scheme, such as https://…'],
    ],
    [
      'a time without a zone',
      'base: { mmdebstrap: { suite: bookworm, snapshot: 2026-01-01T00:00:00 } }\n',
      ['1:50 2026-01-01T00:00:00: "2026-01-01T00:00:00"; a time with its zone, such as 2026-01-31T00:00:00Z'],
    ],
    [
      'a key that is no name of a variable',
      'variables: { a-b: 1 }\n',
      ['1:14 a-b: the key "a-b"; a variable name'],
    ],
    [
      'a needed key that is missing',
      'base:\n  mmdebstrap:\n    packages: [a]\n',
      ['2:3 mmdebstrap: nothing; a text for "base.mmdebstrap.suite"'],
    ],
    ['a needed key of an empty map', 'packer: {}\n', ['1:1 packer: nothing; a text for "packer.template"']],
    ['a list for all of it', '- base\n', ['1:1 - base: ["base"]; a map']],
    [
      'a long value is cut',
      `roles: ${'x'.repeat(200)}\n`,
      [`1:8 ${'x'.repeat(200)}: "${'x'.repeat(76)}...; a list`],
    ],
  ])('%s', (_, text, expected) => expect(told(WrittenImage, text)).toEqual(expected));
});

describe('a choice of maps', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'begun twice',
      'base: { image: base, oci: x }\n',
      ['1:22 oci: "oci" beside "image"; only one of image, oci, mmdebstrap'],
    ],
    [
      'begun twice, both right',
      'base: { image: base, mmdebstrap: { suite: bookworm } }\n',
      ['1:22 mmdebstrap: "mmdebstrap" beside "image"; only one of image, oci, mmdebstrap'],
    ],
    ['misspelt', 'base: { imgae: base }\n', ['1:9 imgae: the unknown key "imgae"; "image"']],
    [
      'begun by no key of it',
      'base: { debian: 12 }\n',
      ['1:7 { debian: 12 }: {"debian":12}; a map with one of the keys image, oci, mmdebstrap'],
    ],
    ['empty', 'base: {}\n', ['1:7 {}: {}; a map with one of the keys image, oci, mmdebstrap']],
    ['nothing', 'base:\n', ['1:1 base: nothing; a map with one of the keys image, oci, mmdebstrap']],
    [
      'a text',
      'base: bookworm\n',
      ['1:7 bookworm: "bookworm"; a map with one of the keys image, oci, mmdebstrap'],
    ],
    ['a list', 'base: [a]\n', ['1:7 [a]: ["a"]; a map with one of the keys image, oci, mmdebstrap']],
    [
      'the right branch, wrongly filled',
      'base: { oci: debian:12 }\n',
      ['1:14 debian:12: "debian:12"; an OCI image by digest: registry/name@sha256:…'],
    ],
    [
      'the right branch, with a wrong option',
      'tests: [{ script: a, on: boot }]\n',
      ['1:26 boot: "boot"; one of files, booted'],
    ],
    [
      'the right branch, with an unknown key',
      'tests: [{ script: a, onn: booted }]\n',
      ['1:22 onn: the unknown key "onn"; "on"'],
    ],
    [
      'a text where a list of them is wanted',
      'tests: [a.sh]\n',
      ['1:9 a.sh: "a.sh"; a map with one of the keys testinfra, script'],
    ],
  ])('%s', (_, text, expected) => expect(told(WrittenImage, text)).toEqual(expected));
});

describe('a choice of a name or a map', () => {
  it.each<[string, string, readonly string[]]>([
    ['a wrong name', 'roles: [Nginx]\n', [`1:9 Nginx: "Nginx"; ${NAME}`]],
    ['a number', 'roles: [5]\n', ['1:9 5: 5; a text or a map with the key role']],
    ['a map with a wrong key', 'roles: [{ rol: nginx }]\n', ['1:11 rol: the unknown key "rol"; "role"']],
    ['a map with a wrong value', 'roles: [{ role: nginx, vars: [a] }]\n', ['1:30 [a]: ["a"]; a map']],
  ])('%s', (_, text, expected) => expect(told(WrittenImage, text)).toEqual(expected));
});

describe('other kinds', () => {
  it.each<[string, z.ZodType, string, readonly string[]]>([
    ['a stage in words', WrittenEnvironment, 'stage: first\n', ['1:8 first: "first"; a whole number']],
    ['no stage', WrittenEnvironment, '', ['1:1 : nothing; a whole number for "stage"']],
    ['images as a list', WrittenStack, 'images: [edge]\n', ['1:9 [edge]: ["edge"]; a map']],
    ['an image with a wrong name', WrittenStack, 'images:\n  ami: Edge\n', [`2:8 Edge: "Edge"; ${NAME}`]],
    [
      'two uses in one',
      WrittenService,
      'uses:\n  - image: a\n    role: b\n',
      ['3:5 role: "role" beside "image"; only one of image, role, stack, service, file'],
    ],
    [
      'a use that is a name',
      WrittenService,
      'uses: [a]\n',
      ['1:8 a: "a"; a map with one of the keys image, role, stack, service, file'],
    ],
  ])('%s', (_, schema, text, expected) => expect(told(schema, text)).toEqual(expected));
});

describe('all problems at once', () => {
  it('in the order of the file, several in one value as well', () => {
    const text =
      'colour: red\nbackend: x\nbase:\n  mmdebstrap: { suite: 12, packages: [A, b, "c d"] }\nroles: 5\nname: A B\n';
    expect(told(WrittenImage, text).map((line) => line.split(' ')[0])).toEqual([
      '1:1',
      '2:10',
      '4:24',
      '4:39',
      '4:45',
      '5:8',
      '6:7',
    ]);
  });
  it('what an anchor holds is wrong once', () => {
    expect(told(WrittenService, 'uses: [&u { imag: a }, *u]\n')).toEqual([
      '1:13 imag: the unknown key "imag"; "image"',
    ]);
  });
  it('shows the text underlined', () => {
    const [failure] = refused(WrittenImage, 'base:\n  image: Base # mine\n');
    expect(failure && underline(failure.at)).toBe('2 |   image: Base # mine\n  |          ^^^^');
  });
});

describe('YAML that is refused', () => {
  it.each([
    ['syntax', 'base: [\n', '1:7'],
    ['an alias to nothing', 'name: *n\n', '1:7'],
    ['an alias to itself', 'uses: &u [*u]\n', '1:11'],
    ['a second document', 'name: a\n---\nname: b\n', '2:1'],
  ])('%s', (_, text, at) => expect(told(WrittenImage, text)).toEqual([`${at} source-unparsable`]));
});

describe('a declaration that is accepted', () => {
  it('an empty file, where nothing is needed', () => {
    expect(parseDeclaration(WrittenStack, 'x.yaml', '# nothing to say\n')).toMatchObject({
      ok: true,
      value: { written: { images: {}, inputs: {}, variables: {}, environments: {} } },
    });
  });
  it('with anchors and merge keys; each value knows its place', () => {
    const text =
      'base: { image: base }\ntests:\n  - &slow { script: a.sh, timeout: 600 }\n  - <<: *slow\n    script: b.sh\n';
    const parsed = parseDeclaration(WrittenImage, 'x.yaml', text);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.failures));
    expect(parsed.value.written.tests).toEqual([
      { script: 'a.sh', timeout: 600, on: 'files' },
      { script: 'b.sh', timeout: 600, on: 'files' },
    ]);
    expect(declaredAt(parsed.value, ['tests', 1, 'script'])).toMatchObject({ line: 5, column: 13 });
    expect(declaredAt(parsed.value, [])).toMatchObject({ line: 1, column: 1 });
  });
});
