import {
  fail,
  ok,
  type Call,
  type Failure,
  type Json,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { loadConfig } from './kubernetes-config.ts';
import { isMap, type KubeObject } from './kubernetes-object.ts';

/** A request of the API. */
export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** The content type of the body; JSON by default. */
  readonly type?: string;
  /** What is done, for messages: "applying v1/ConfigMap shop/one". */
  readonly doing: string;
}

/** One thing that the API says against a request. */
export interface Cause {
  /** Such as `FieldManagerConflict`. */
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

/** An answer of the API: a success, or a refusal that the caller has to understand (400, 404, 409, 410, 422). */
export interface Answer {
  readonly status: number;
  readonly body: Json;
  /** Of a refusal. */
  readonly message: string;
  readonly reason: string;
  readonly causes: readonly Cause[];
}

/** Speaks to one cluster. */
export interface Kube {
  /** `https://10.0.0.1:6443` */
  readonly server: string;
  /** What the context says; `default` where it says none. */
  readonly namespace: string;
  /** Fails with `unreachable`, `timeout`, `not-permitted` or `cancelled`; whatever else the API says is an answer. */
  ask(request: Ask, call: Call): Promise<Result<Answer>>;
}

const PATIENCE_SECONDS = 60;
// Not 500: with it the API refuses a field of a wrong type.
const AWAY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** A text; empty for anything else. */
export const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

function causesOf(body: Json): readonly Cause[] {
  const details = isMap(body) ? body['details'] : undefined;
  const causes =
    isMap(details) && Array.isArray(details['causes']) ? (details['causes'] as readonly Json[]) : [];
  return causes
    .filter((cause) => isMap(cause))
    .map(({ reason, field, message }) => ({
      reason: text(reason),
      field: text(field),
      message: text(message),
    }));
}

function answerOf(status: number, raw: string): Answer | null {
  try {
    const body = JSON.parse(raw) as Json;
    const said = isMap(body) && body['kind'] === 'Status' ? body : {};
    return {
      status,
      body,
      message: text(said['message']),
      reason: text(said['reason']),
      causes: causesOf(body),
    };
  } catch {
    return null;
  }
}

/** The failure that a status means whatever was asked; null where it depends on that. */
function refusal(server: string, { doing }: Ask, answer: Answer): Failure | null {
  const { status, message, reason } = answer;
  const said = message === '' ? `it answers with status ${status}` : message;
  if (status === 401 || status === 403)
    return {
      code: 'not-permitted',
      what: `${doing} (${said})`,
      hint:
        status === 401
          ? 'The credentials of the kubeconfig are not accepted: log in again, or correct them.'
          : 'Have the right given to this account (`kubectl auth can-i --list` shows those it has).',
    };
  if (AWAY.has(status)) return { code: 'unreachable', what: server, detail: `${reason} ${said}`.trim() };
  return null;
}

/** The refusal of an answer that nothing can be made of. */
export const refused = (kube: Kube, doing: string, { status, message, reason }: Answer): Failure => ({
  code: 'store-refused',
  store: `Kubernetes (${kube.server})`,
  doing,
  status,
  detail: message || reason || 'it says nothing',
});

interface Thrown {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
}

function thrown(error: unknown, server: string, doing: string, call: Call): Failure {
  const { name = '', message = '', code } = error as Thrown;
  if (call.signal.aborted) return { code: 'cancelled' };
  if (name === 'AbortError' || name === 'TimeoutError')
    return { code: 'timeout', what: `${doing} at ${server}`, seconds: PATIENCE_SECONDS };
  if (name !== 'FetchError' && code === undefined) throw error;
  const [line = ''] = message.split('\n');
  return { code: 'unreachable', what: server, detail: line.replace(/^request to .* failed, reason: /, '') };
}

/** Opens a way to the cluster of a stack's context; nothing is asked yet. */
export async function connect(order: StackOrder): Promise<Result<Kube>> {
  const config = await loadConfig(order);
  if (!config.ok) return config;
  const { HttpMethod, IsomorphicFetchHttpLibrary, RequestContext } = await import('@kubernetes/client-node');
  const kubeconfig = config.value;
  const server = (kubeconfig.getCurrentCluster()?.server ?? '').replace(/\/+$/, '');
  const http = new IsomorphicFetchHttpLibrary();

  const send = async (request: Ask, call: Call): Promise<Result<Answer>> => {
    const context = new RequestContext(server + request.path, HttpMethod[request.method]);
    for (const [key, value] of Object.entries(request.query ?? {})) context.setQueryParam(key, value);
    context.setHeaderParam('Accept', 'application/json');
    if (request.body !== undefined) {
      // The library's own serialiser drops the fields of a known kind that are younger than it.
      context.setBody(JSON.stringify(request.body));
      context.setHeaderParam('Content-Type', request.type ?? 'application/json');
    }
    context.setSignal(AbortSignal.any([call.signal, AbortSignal.timeout(PATIENCE_SECONDS * 1000)]));
    try {
      await kubeconfig.applySecurityAuthentication(context);
    } catch (error) {
      const detail = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
      return fail({
        code: 'not-permitted',
        what: `logging in to ${server}`,
        hint: `Its kubeconfig says how: ${detail}`,
      });
    }
    const response = await http.send(context).toPromise();
    const answer = answerOf(response.httpStatusCode, await response.body.text());
    if (answer) return ok(answer);
    const detail = `its answer (status ${response.httpStatusCode}) is none of the API of Kubernetes`;
    return fail({ code: 'unreachable', what: server, detail });
  };

  return ok({
    server,
    namespace: kubeconfig.getContextObject(kubeconfig.getCurrentContext())?.namespace ?? 'default',
    async ask(request, call) {
      if (call.signal.aborted) return fail({ code: 'cancelled' });
      try {
        const answered = await send(request, call);
        const failure = answered.ok ? refusal(server, request, answered.value) : null;
        return failure ? fail(failure) : answered;
      } catch (error) {
        return fail(thrown(error, server, request.doing, call));
      }
    },
  });
}

/** Asks for an object; null where there is none. */
export async function get(
  kube: Kube,
  path: string,
  ref: string,
  call: Call,
): Promise<Result<KubeObject | null>> {
  const doing = `reading ${ref}`;
  const answered = await kube.ask({ method: 'GET', path, doing }, call);
  if (!answered.ok) return answered;
  const { status, body } = answered.value;
  if (status === 404) return ok(null);
  return status === 200 ? ok(body as KubeObject) : fail(refused(kube, doing, answered.value));
}
