import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { refused, type Answer, type Kube } from './kubernetes-client.ts';
import { MANAGER, type KubeObject } from './kubernetes-object.ts';

/** A field that somebody else manages. */
export interface Conflict {
  /** `.spec.template.spec.containers[name="web"].image` */
  readonly field: string;
  /** Who, as the API names it: `"kubectl-edit" using apps/v1`. */
  readonly manager: string;
}

/** What the API says to an object that would be applied. */
export type Applied =
  | { readonly is: 'object'; readonly object: KubeObject }
  /** Its namespace is not there. */
  | { readonly is: 'homeless' }
  | { readonly is: 'conflict'; readonly conflicts: readonly Conflict[] }
  /** These fields cannot be changed in a living object. */
  | { readonly is: 'immutable'; readonly fields: readonly string[] };

const FIXED =
  /immutable|may not change once set|cannot be changed|can not be changed|cannot change roleRef|updates to .* are forbidden|pod updates may not change/i;

function conflictsOf({ causes }: Answer): readonly Conflict[] {
  return causes
    .filter(({ reason }) => reason === 'FieldManagerConflict')
    .map(({ field, message }) => ({ field, manager: message.replace(/^conflict with /, '') }));
}

function immutable({ causes, message }: Answer): readonly string[] {
  const fixed = causes.filter((cause) => FIXED.test(cause.message));
  if (fixed.length > 0 && fixed.length === causes.length) return fixed.map(({ field }) => field);
  return causes.length === 0 && FIXED.test(message) ? [''] : [];
}

/** How an object is applied. */
export interface Manner {
  readonly path: string;
  /** Only says what would become of it. */
  readonly dry: boolean;
  /** Takes fields over that somebody else manages. */
  readonly force: boolean;
  /** For messages. */
  readonly address: string;
}

/** Applies an object by the API's own server-side apply. Unknown fields are refused. */
export async function applied(
  kube: Kube,
  object: KubeObject,
  { path, dry, force, address }: Manner,
  call: Call,
): Promise<Result<Applied>> {
  const doing = `${dry ? 'planning' : 'applying'} ${address}`;
  const query = {
    fieldManager: MANAGER,
    fieldValidation: 'Strict',
    force: String(force),
    ...(dry ? { dryRun: 'All' } : {}),
  };
  const type = 'application/apply-patch+yaml';
  const answered = await kube.ask({ method: 'PATCH', path, query, body: object, type, doing }, call);
  if (!answered.ok) return answered;
  const { status, body } = answered.value;
  if (status === 200 || status === 201) return ok({ is: 'object', object: body as KubeObject });
  if (status === 404) return ok({ is: 'homeless' });
  const conflicts = status === 409 ? conflictsOf(answered.value) : [];
  if (conflicts.length > 0) return ok({ is: 'conflict', conflicts });
  const fields = status === 422 || status === 403 ? immutable(answered.value) : [];
  if (fields.length > 0) return ok({ is: 'immutable', fields });
  return fail(refused(kube, doing, answered.value));
}

/** A field of a conflict without the items of lists: `spec.template.spec.containers[].image`. */
export const shapeOf = (field: string): string => field.replace(/^\./, '').replaceAll(/\[[^\]]*\]/g, '[]');

/** A path in an object in the same form. */
export const shapeOfPath = (path: readonly string[]): string =>
  path.reduce(
    (shape, key) => (/^\d+$/.test(key) ? `${shape}[]` : shape === '' ? key : `${shape}.${key}`),
    '',
  );
