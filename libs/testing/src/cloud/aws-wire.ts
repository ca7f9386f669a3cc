import { createHash, createHmac } from 'node:crypto';
import type { Asked } from './serve.ts';

/** Access keys as AWS hands them out. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The region that a request is signed for; null where it is not signed with these keys (Signature Version 4). */
export function signedRegion({ method, url, headers, body }: Asked, keys: AwsKeys): string | null {
  const [, id, scope = '', names = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\S+), SignedHeaders=(\S+), Signature=(\S+)$/.exec(
      headers.authorization ?? '',
    ) ?? [];
  const [day = '', region = '', service = ''] = scope.split('/');
  const signed = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = [method, url.pathname, '', signed.join(''), names, hash(body)].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash(canonical)].join('\n');
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${keys.secretAccessKey}`, day));
  const right = hmac(key, text).toString('hex');
  return id === keys.accessKeyId && signature === right ? region : null;
}

/** Parameters of the EC2 query protocol: `Filter.1.Value.2`. */
export class Parameters {
  readonly #form: URLSearchParams;
  readonly #prefix: string;
  constructor(form: URLSearchParams, prefix = '') {
    this.#form = form;
    this.#prefix = prefix;
  }
  get(name: string): string | undefined {
    return this.#form.get(`${this.#prefix}${name}`) ?? undefined;
  }
  /** Values of `Name.1`, `Name.2` and so on. */
  list(name: string): readonly string[] {
    return this.each(name).map((one) => one.get('') ?? '');
  }
  /** What lies below `Name.1`, `Name.2` and so on; `get('')` is such an entry itself. */
  each(name: string): readonly Parameters[] {
    const found: Parameters[] = [];
    const keys = [...this.#form.keys()];
    for (let index = 1; ; index += 1) {
      const prefix = `${this.#prefix}${name}.${index}`;
      if (this.#form.has(prefix)) found.push(new Parameters(this.#form, prefix));
      else if (keys.some((key) => key.startsWith(`${prefix}.`)))
        found.push(new Parameters(this.#form, `${prefix}.`));
      else return found;
    }
  }
}

/** A document of EC2: elements by name, lists as `item`s. */
export type Xml = string | boolean | readonly Xml[] | { readonly [name: string]: Xml | undefined };

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Writes elements as EC2 does. */
export function xml(value: Xml): string {
  if (typeof value === 'string' || typeof value === 'boolean') return escape(String(value));
  if (Array.isArray(value)) return value.map((one: Xml) => `<item>${xml(one)}</item>`).join('');
  return Object.entries(value)
    .map(([name, one]: [string, Xml | undefined]) =>
      one === undefined ? '' : `<${name}>${xml(one)}</${name}>`,
    )
    .join('');
}

/** What EC2 refuses, by its own code. */
export class AwsRefusal extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
