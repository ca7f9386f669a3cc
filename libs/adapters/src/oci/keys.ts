import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { credentialFiles, credentialsFor, type Credentials } from './credentials.ts';
import { bodyOf, drop, isSafe, persist, type Ask, type Http } from './http.ts';

/** A request that was refused for who we are. */
export interface Refusal {
  /** Its `www-authenticate`. */
  readonly challenge: string;
  readonly scope: string;
  /** The Authorization header that it had. */
  readonly used: string | null;
}

/** What a registry's requests are signed with; learnt from its refusals. */
export interface Keys {
  /** The Authorization header for a scope, where one is known. */
  header(scope: string): string | null;
  /** Earns another header than was used, as a refusal asks for. False: there is none to be had. */
  earn(refusal: Refusal, call: Call): Promise<Result<boolean>>;
  /** Where credentials were looked for and whether there are any, for people. */
  hint(): string;
}

const MAX_TOKEN = 1 << 20;

const field = (challenge: string, key: string): string =>
  new RegExp(`\\b${key}="([^"]*)"`, 'i').exec(challenge)?.[1] ?? '';

const basic = ({ user, password }: Extract<Credentials, { kind: 'password' }>): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** The request for a token; null where the registry sends us to a place that must not see credentials. */
function tokenAsk(challenge: string, scope: string, credentials: Credentials | null): Ask | null {
  const realm = field(challenge, 'realm');
  const url = URL.canParse(realm) ? new URL(realm) : null;
  if (!url || !isSafe(url)) return null;
  const service = field(challenge, 'service');
  // What is asked for now, and what we know that we need besides, such as the repository to mount from.
  const scopes = [...new Set([...field(challenge, 'scope').split(' '), ...scope.split(' ')])].filter(Boolean);
  if (credentials?.kind === 'token') {
    const form = { grant_type: 'refresh_token', service, scope: scopes.join(' '), client_id: 'goldenthread' };
    const body = new URLSearchParams({ ...form, refresh_token: credentials.token }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url, headers, body: Buffer.from(body) };
  }
  if (service) url.searchParams.set('service', service);
  scopes.forEach((one) => url.searchParams.append('scope', one));
  return { method: 'GET', url, ...(credentials ? { headers: { authorization: basic(credentials) } } : {}) };
}

/** Asks a token service; null where it gives none. */
async function fetchToken(http: Http, host: string, ask: Ask, call: Call): Promise<Result<string | null>> {
  const what = `the token service ${ask.url.host} of ${host}`;
  const answered = await persist(http.patience, () => http.send(ask, what, call), call);
  if (!answered.ok) return answered;
  const { status } = answered.value;
  if (status !== 200) {
    await drop(answered.value);
    if (status < 500) return ok(null);
    return fail({ code: 'unreachable', what, detail: `it answered with HTTP status ${status}` });
  }
  const read = await bodyOf(answered.value, MAX_TOKEN, { what, idle: http.patience.idle }, call);
  if (!read.ok) return read;
  try {
    const said = JSON.parse(Buffer.from(read.value).toString('utf8')) as Record<string, unknown> | null;
    const value = said?.['token'] ?? said?.['access_token'];
    return ok(typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? value : null);
  } catch {
    return fail({ code: 'content-corrupt', what, expected: 'a token', found: 'no JSON' });
  }
}

/** Keys to one registry. Credentials are looked up whenever it asks for them: those that a helper gives may change. */
export function createKeys(http: Http, host: string): Keys {
  const headers = new Map<string, string>();
  let always: string | null = null;
  let found = false;

  const header = (scope: string): string | null => always ?? headers.get(scope) ?? null;

  async function fresh(challenge: string, scope: string, call: Call): Promise<Result<string | null>> {
    const credentials = await credentialsFor(host, call);
    if (!credentials.ok) return credentials;
    found = credentials.value !== null;
    if (/^basic\b/i.test(challenge))
      return ok(credentials.value?.kind === 'password' ? basic(credentials.value) : null);
    const ask = /^bearer\b/i.test(challenge) ? tokenAsk(challenge, scope, credentials.value) : null;
    const token = ask ? await fetchToken(http, host, ask, call) : ok(null);
    return token.ok && token.value !== null ? ok(`Bearer ${token.value}`) : token;
  }

  return {
    header,
    async earn({ challenge, scope, used }, call) {
      // Another request of the same kind was refused as well, and was quicker.
      if (header(scope) !== used) return ok(true);
      const earned = await fresh(challenge, scope, call);
      if (!earned.ok) return earned;
      if (earned.value === null || earned.value === used) return ok(false);
      if (earned.value.startsWith('Basic ')) always = earned.value;
      else headers.set(scope, earned.value);
      return ok(true);
    },
    hint: () => {
      const files = credentialFiles().join(' or ');
      return found
        ? `The credentials of ${host} in ${files} do not allow it: log in again, or as somebody who may.`
        : `There are no credentials of ${host} in ${files}: log in, such as by \`docker login ${host}\`.`;
    },
  };
}
