import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';
import {
  bodyOf,
  createHttp,
  drop,
  isLoopback,
  isSafe,
  persist,
  type Answer,
  type Ask,
  type Attempt,
  type Patience,
} from './http.ts';
import { createKeys } from './keys.ts';

/** What is asked of a registry: within its API, or where it sent us. */
export interface RegistryAsk extends Omit<Ask, 'url'> {
  /** `/v2/…`, or a URL that the registry answered. */
  readonly at: string | URL;
  /** What is needed for it, as token services write it: `repository:team/edge:pull`. */
  readonly scope: string;
  /** The repository, for messages. */
  readonly what: string;
}

/** A connection to one registry: with its credentials, patient, and following where it leads. */
export interface Session {
  readonly host: string;
  readonly patience: Patience;
  /** Any status is an answer. */
  ask(ask: RegistryAsk, call: Call): Promise<Result<Answer>>;
  /** A URL that the registry answered, such as where to send content. */
  url(at: string): URL;
  /** What a refusal means. Reads the answer's body. */
  refusal(
    answer: Answer,
    at: { readonly what: string; readonly doing: string },
    call: Call,
  ): Promise<Failure>;
}

const MAX_WORDS = 64 << 10;
const MOST_HOPS = 5;

/** A registry's own words: one line without control characters. */
function wordsOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8');
  let said = text;
  try {
    const { errors = [] } = JSON.parse(text) as {
      errors?: readonly { code?: string; message?: string; detail?: unknown }[];
    };
    const messages = errors
      .map(({ code = '', message = '', detail }) =>
        [code, message, typeof detail === 'string' ? detail : ''].filter(Boolean).join(': '),
      )
      .join('; ');
    said = messages || text;
  } catch {
    // Not every server between us and the registry speaks as registries do.
  }
  // eslint-disable-next-line no-control-regex -- such characters are what it looks for
  return said
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim()
    .slice(0, 500);
}

/** Opens a session; nothing is sent yet. `ca` is PEM text: with it even this machine is spoken to over TLS. */
export function openSession(host: string, ca: string | null, patience: Patience): Session {
  const http = createHttp(ca, patience);
  const keys = createKeys(http, host);
  const base = new URL(`${ca === null && isLoopback(host) ? 'http' : 'https'}://${host}`);
  const url = (at: string): URL => new URL(at, base);

  async function signed(ask: RegistryAsk, target: URL, call: Call): Promise<Attempt> {
    const { method, body, stream, headers = {}, scope, what } = ask;
    const isOurs = target.origin === base.origin;
    const send = (key: string | null): Promise<Attempt> => {
      const all = { ...headers, ...(key === null ? {} : { authorization: key }) };
      const sent = { ...(body ? { body } : {}), ...(stream ? { stream } : {}) };
      return http.send({ method, url: target, headers: all, ...sent }, what, call);
    };
    // Other hosts, to which blobs and uploads may lead, never see who we are.
    const used = isOurs ? keys.header(scope) : null;
    const first = await send(used);
    const { result } = first;
    if (!result.ok || result.value.status !== 401 || !isOurs || stream) return first;
    const challenge = result.value.header('www-authenticate') ?? '';
    const earned = await keys.earn({ challenge, scope, used }, call);
    if (earned.ok && !earned.value) return first;
    await drop(result.value);
    return earned.ok ? send(keys.header(scope)) : { result: earned, again: false };
  }

  async function follow(ask: RegistryAsk, call: Call): Promise<Attempt> {
    let target = typeof ask.at === 'string' ? url(ask.at) : ask.at;
    for (let hops = 0; ; hops += 1) {
      if (!isSafe(target)) return { result: fail(plain(ask.what, target)), again: false };
      const attempt = await signed(ask, target, call);
      const { result } = attempt;
      const leads = result.ok && result.value.status >= 301 && result.value.status <= 308;
      const location = leads ? result.value.header('location') : null;
      if (location === null || !URL.canParse(location, target) || hops === MOST_HOPS) return attempt;
      if (ask.method !== 'GET' && ask.method !== 'HEAD') return attempt;
      if (result.ok) await drop(result.value);
      target = new URL(location, target);
    }
  }

  return {
    host,
    patience,
    url,
    ask: async (ask, call) =>
      ask.once === true ? (await follow(ask, call)).result : persist(patience, () => follow(ask, call), call),
    async refusal(answer, { what, doing }, call) {
      const { status } = answer;
      const read = await bodyOf(answer, MAX_WORDS, { what, idle: patience.idle }, call);
      if (status === 401 || status === 403)
        return { code: 'not-permitted', what: `${doing} in ${what} (HTTP ${status})`, hint: keys.hint() };
      const detail = read.ok ? wordsOf(read.value) : '';
      return { code: 'store-refused', store: what, doing, status, detail: detail || 'it did not say why' };
    },
  };
}

const plain = (what: string, { host }: URL): Failure => ({
  code: 'store-refused',
  store: what,
  doing: 'a safe connection',
  status: 0,
  detail: `it leads to ${host} over plain HTTP, which is allowed only on this machine`,
});

/** The answer where its status is one of those; else what its refusal means. */
export async function expecting(
  session: Session,
  answered: Result<Answer>,
  {
    statuses,
    ...at
  }: { readonly statuses: readonly number[]; readonly what: string; readonly doing: string },
  call: Call,
): Promise<Result<Answer>> {
  if (!answered.ok || statuses.includes(answered.value.status)) return answered;
  return fail(await session.refusal(answered.value, at, call));
}

/** Answers nothing, once the body is thrown away. */
export async function done(answered: Result<Answer>): Promise<Result<void>> {
  if (!answered.ok) return answered;
  await drop(answered.value);
  return ok(undefined);
}
