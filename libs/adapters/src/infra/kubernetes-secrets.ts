import { Secret, type Failure, type Json, type Mask, type StackOrder } from '@goldenthread/core';
import type { Manifest } from './kubernetes-documents.ts';
import { isMap, type KubeObject } from './kubernetes-object.ts';

/** Everything that must not be shown while a stack is worked on: the texts of its secret inputs, by name. */
export const secretTexts = ({ inputs }: StackOrder): readonly string[] =>
  Array.from(inputs.values()).flatMap(({ value }) => (value instanceof Secret ? [value.reveal()] : []));

const isSecret = ({ apiVersion, kind }: KubeObject): boolean => apiVersion === 'v1' && kind === 'Secret';

/** Shorter ones stand in every other word: hiding them would hide the message, and tell what they are. */
export const SHORTEST = 4;

/** The texts that the content of Secrets holds, as they are written and as they are meant. */
export function heldTexts(manifests: readonly Manifest[]): readonly string[] {
  return manifests.flatMap(({ object }) => {
    if (!isSecret(object)) return [];
    const values = isMap(object['data']) ? Object.values(object['data']) : [];
    return values
      .flatMap((value) => (typeof value === 'string' ? [value, Buffer.from(value, 'base64').toString()] : []))
      .filter(({ length }) => length >= SHORTEST);
  });
}

/** What all secrets of a stack are, for a hash that shows when one is another; null where there are none. */
export function allSecrets(order: StackOrder, manifests: readonly Manifest[]): Json | null {
  const given = secretTexts(order);
  const held = manifests.flatMap(({ object }) =>
    isSecret(object) ? [[object.metadata.namespace ?? '', object.metadata.name, object['data'] ?? null]] : [],
  );
  return given.length + held.length === 0 ? null : [given, held];
}

/** What stands in a text for a secret. */
export const HIDDEN = '***';

/** A text without any of these secrets in it. */
export const hide = (text: string, secrets: readonly string[]): string =>
  secrets
    .filter((secret) => secret !== '')
    .toSorted((a, b) => b.length - a.length)
    .reduce((hidden, secret) => hidden.replaceAll(secret, HIDDEN), text);

/** Takes secrets out of all texts of a failure: a tool or a server may have said them. */
export const redacted =
  (secrets: readonly string[]) =>
  (failure: Failure): Failure => {
    const clean = (value: unknown): unknown => {
      if (typeof value === 'string') return hide(value, secrets);
      if (Array.isArray(value)) return value.map(clean);
      if (value === null || typeof value !== 'object') return value;
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, clean(one as unknown)]));
    };
    const { code, ...rest } = failure;
    return { code, ...(clean(rest) as object) } as Failure;
  };

/** Which parts of an object must not be shown: the content of Secrets, these paths, and what holds one of these texts. */
export function maskOf(
  object: KubeObject,
  paths: readonly (readonly string[])[],
  secrets: readonly string[],
): Mask {
  const hidden = new Set(paths.map((path) => JSON.stringify(path)));
  const visit = (value: Json | undefined, path: readonly string[]): Mask => {
    if (hidden.has(JSON.stringify(path))) return true;
    if (typeof value === 'string') return secrets.some((secret) => secret !== '' && value.includes(secret));
    if (value === null || typeof value !== 'object') return false;
    const entries = Object.entries(value as Readonly<Record<string, Json | undefined>>);
    return Object.fromEntries(entries.map(([key, one]) => [key, visit(one, [...path, key])]));
  };
  const found = visit(object, []);
  if (!isSecret(object)) return found;
  return { ...(found as Readonly<Record<string, Mask>>), data: true, stringData: true };
}
