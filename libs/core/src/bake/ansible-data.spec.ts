import { describe, expect, it } from 'vitest';
import { readYaml } from '../graph/read-yaml.ts';
import { ansibleData } from './ansible-data.ts';

function read(text: string): unknown {
  const parsed = readYaml({ path: 'p.yml', text });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.failures));
  return ansibleData(parsed.value);
}

describe('a value without quotes is what PyYAML makes of it', () => {
  it.each<[string, unknown]>([
    ['0644', 0o644],
    ['-0644', -0o644],
    ['0o644', '0o644'],
    ['09', '09'],
    ['0', 0],
    ['12', 12],
    ['+12', 12],
    ['1_000', 1000],
    ['0b101', 5],
    ['0x1F', 31],
    ['12:30', 750],
    ['1:30:00', 5400],
    ['08:30', '08:30'],
    ['yes', true],
    ['On', true],
    ['no', false],
    ['OFF', false],
    ['y', 'y'],
    ['n', 'n'],
    ['yEs', 'yEs'],
    ['true', true],
    ['False', false],
    ['~', null],
    ['null', null],
    ['', null],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1_0.5', 10.5],
    ['1.5e+3', '1.5e+3'],
    ['2.25e-1', 0.225],
    ['1e3', '1e3'],
    ['12e4567', '12e4567'],
    ['2001-12-14', '2001-12-14'],
    ['word', 'word'],
    ['1.2.3', '1.2.3'],
  ])('%j', (text, expected) => expect(read(`a: ${text}\n`)).toEqual({ a: expected }));

  it.each<[string, string]>([
    ['1.0', 'JSON has no 1.0, and a template would print 1'],
    ['12345678901234567890', 'JSON would lose its last digits'],
    ['.inf', 'JSON has no such number'],
  ])('%s stays a text: %s', (text) => expect(read(`a: ${text}\n`)).toEqual({ a: text }));
});

describe('what is written otherwise', () => {
  it.each<[string, unknown]>([
    ["a: '0644'", { a: '0644' }],
    ['a: "yes"', { a: 'yes' }],
    ['a: |\n  12\n', { a: '12\n' }],
    ['a: >-\n  no\n  way\n', { a: 'no way' }],
    ['a: !!str 12', { a: '12' }],
    ['a: !vault |\n  $ANSIBLE_VAULT;1.1\n  3132\n', { a: { __ansible_vault: '$ANSIBLE_VAULT;1.1\n3132\n' } }],
    ['a: !unsafe "{{ x }}"', { a: { __ansible_unsafe: '{{ x }}' } }],
    ['a: "{{ x }}"', { a: '{{ x }}' }],
    ['a: &a { mode: 0600 }\nb: { <<: *a, x: yes }\n', { a: { mode: 0o600 }, b: { x: true, mode: 0o600 } }],
    ['- [1, [no]]\n', [[1, [false]]]],
    ['80: tcp\n', { 80: 'tcp' }],
  ])('%j', (text, expected) => expect(read(text)).toEqual(expected));
});
