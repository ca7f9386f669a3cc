import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { Secret } from './secret.ts';

const secret = new Secret('hunter2');

it('gives its text to whoever asks for it by name', () => expect(secret.reveal()).toBe('hunter2'));

it.each<[string, () => string]>([
  ['as JSON', () => JSON.stringify({ secret, list: [secret] })],
  ['in a text', () => `${String(secret)} ${secret.toString()}`],
  ['as Node prints it', () => inspect({ secret, deep: { list: [secret] } }, { depth: 9, showHidden: true })],
  ['as Node prints it with a template', () => inspect(secret)],
  ['by its own members', () => JSON.stringify(Object.getOwnPropertyNames(secret))],
  ['as a copy', () => JSON.stringify(Object.assign({}, secret))],
  ['in an error', () => new Error(`no ${String(secret)}`).message],
])('never shows it %s', (_, print) => {
  expect(print()).not.toContain('hunter2');
});

it.each([
  ['JSON', JSON.stringify(secret), '"***"'],
  ['text', String(secret), '***'],
  ['printing', inspect(secret), '***'],
])('says in %s that there is one', (_, shown, expected) => expect(shown).toBe(expected));
