import { describe, expect, it } from 'vitest';
import { parseDeclaration } from './parse.ts';
import { WrittenStack } from './stack.ts';

/** Each problem as "line:column underlined text: found; expected". */
function told(text: string): readonly string[] {
  const parsed = parseDeclaration(WrittenStack, 'infra/net/stack.yaml', text);
  if (parsed.ok) throw new Error(`accepted: ${text}`);
  return parsed.failures.map((failure) => {
    if (failure.code !== 'declaration-invalid') throw new Error(failure.code);
    const { file, line, column, length, text: whole } = failure.at;
    expect(file).toBe('infra/net/stack.yaml');
    return `${line}:${column} ${whole.slice(column - 1, column - 1 + length)}: ${failure.found}; ${failure.expected}`;
  });
}

const NAME = 'a name of lower-case letters, digits, ".", "_" and "-" (at most 63)';

describe('a stack is refused for', () => {
  it.each<[string, string, readonly string[]]>([
    ['a misspelt key', 'imagse: { a: edge }\n', ['1:1 imagse: the unknown key "imagse"; "images"']],
    ['a misspelt section', 'terrafrom: {}\n', ['1:1 terrafrom: the unknown key "terrafrom"; "terraform"']],
    [
      'a misspelt key of a section',
      'terraform:\n  var_file: [a]\n',
      ['2:3 var_file: the unknown key "var_file"; "var_files"'],
    ],
    [
      'a misspelt key of an environment',
      'environments:\n  production:\n    variabels: {}\n',
      ['3:5 variabels: the unknown key "variabels"; "variables"'],
    ],
    [
      'a misspelt key of a section of an environment',
      'environments: { production: { terraform: { lock_timout: 3 } } }\n',
      ['1:44 lock_timout: the unknown key "lock_timout"; "lock_timeout"'],
    ],
    [
      'what no environment may change',
      'environments:\n  production: { engine: ansible }\n',
      [expect.stringMatching(/^2:17 engine: the unknown key "engine"; /) as string],
    ],
    ['images as a list', 'images: [edge]\n', ['1:9 [edge]: ["edge"]; a map']],
    ['an image with a wrong name', 'images:\n  ami: Edge\n', [`2:8 Edge: "Edge"; ${NAME}`]],
    ['an image that is a number', 'images: { ami: 5 }\n', ['1:16 5: 5; a text or a map with the key image']],
    [
      'an image in a map with a misspelt key',
      'images: { ami: { imgae: edge } }\n',
      ['1:18 imgae: the unknown key "imgae"; "image"'],
    ],
    [
      'an image as something there is not',
      'images:\n  ami: { image: edge, as: tag }\n',
      ['2:27 tag: "tag"; one of digest, version'],
    ],
    [
      'an input without its output',
      'inputs:\n  net: { stack: network }\n',
      ['2:3 net: nothing; a text for "inputs.net.output"'],
    ],
    ['an input that is a name', 'inputs: { net: network }\n', ['1:16 network: "network"; a map']],
    [
      'an input with a misspelt key',
      'inputs: { net: { stack: network, outptu: id } }\n',
      ['1:34 outptu: the unknown key "outptu"; "output"'],
    ],
    ['variables as a list', 'variables: [a]\n', ['1:12 [a]: ["a"]; a map']],
    ['a time that is a text', 'terraform: { lock_timeout: 30s }\n', ['1:28 30s: "30s"; a whole number']],
    ['a time below nothing', 'terraform: { lock_timeout: -1 }\n', ['1:28 -1: -1; at least 0']],
    ['a time that is too long', 'kubernetes: { timeout: 7201 }\n', ['1:24 7201: 7201; at most 7200']],
    [
      'a setting of a backend that is a list',
      'terraform: { backend: { key: [a] } }\n',
      [expect.stringMatching(/^1:30 \[a\]: \["a"\]; /) as string],
    ],
    [
      'an absolute path',
      'ansible: { inventory: /etc/hosts }\n',
      ['1:23 /etc/hosts: "/etc/hosts"; a relative path with forward slashes'],
    ],
    [
      'a program that is a line',
      'kubernetes: { render: helm template }\n',
      ['1:23 helm template: "helm template"; a list'],
    ],
    ['a program of no words', 'kubernetes: { render: [] }\n', ['1:23 []: []; at least 1 items']],
    [
      'a capability that is none',
      'cloudformation: { capabilities: [IAM] }\n',
      ['1:34 IAM: "IAM"; one of CAPABILITY_IAM, CAPABILITY_NAMED_IAM, CAPABILITY_AUTO_EXPAND'],
    ],
    [
      'a way to make a template that is none',
      'cloudformation: { synth: sam }\n',
      ['1:26 sam: "sam"; one of cdk, serverless'],
    ],
    [
      'an environment with a wrong name',
      'environments: { Production: {} }\n',
      [`1:17 Production: the key "Production"; ${NAME}`],
    ],
    ['an environment of nothing', 'environments:\n  production:\n', ['2:3 production: nothing; a map']],
    ['an engine of no name', 'engine: ""\n', ['1:9 "": ""; a text that is not empty']],
  ])('%s', (_, text, expected) => expect(told(text)).toEqual(expected));

  it('all of it at once, in the order of the file', () => {
    const text =
      'engin: ansible\nimages: { a: Edge, b: { image: 5 } }\ninputs: { x: { stack: Y, output: "" } }\nterraform: { workspace: 1 }\nenvironments: { p: { varaibles: {} } }\n';
    expect(told(text).map((line) => line.split(' ')[0])).toEqual([
      '1:1',
      '2:14',
      '2:32',
      '3:23',
      '3:34',
      '4:25',
      '5:22',
    ]);
  });
});

it.each([
  ['values of any shape', 'variables: { a: 1, b: [x, { c: null }], d: { e: 1.5 }, f: true }'],
  ['settings of a backend', 'terraform: { backend: { bucket: a, encrypt: true, max: 3 } }'],
  ['an engine of a user’s own with options', 'engine: ./engines/own.ts\noptions: { any: [thing] }'],
])('takes %s', (_, text) => expect(parseDeclaration(WrittenStack, 'x', text).ok).toBe(true));
