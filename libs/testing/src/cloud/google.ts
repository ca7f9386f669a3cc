import { actions, GoogleRefusal, type GoogleImage, type GoogleWorld } from './google-actions.ts';
import { serve, type Answered, type Asked } from './serve.ts';

/** A small Compute Engine, and a token service beside it: what stores ask of them, in the protocol of the real ones. */
export interface FakeGoogle {
  readonly endpoint: string;
  readonly project: string;
  /** Credentials of a workload identity that the token service takes. */
  readonly credentials: GoogleCredentials;
  readonly world: GoogleWorld;
  /** Every request that came, as `POST setLabels`. */
  readonly asked: string[];
  /** Answers instead of the service; null lets it answer. */
  interfere: (what: string) => Answered | null;
  /** Makes an image as a bake would. Answers its name. */
  bake(): string;
  waiting(): number;
  stop(): Promise<void>;
}

/** As a file of an external account says them. */
export interface GoogleCredentials {
  readonly type: 'external_account';
  readonly audience: string;
  readonly subject_token_type: string;
  readonly token_url: string;
  readonly credential_source: { readonly url: string };
}

const TOKEN = 'token-of-the-spec';
const SUBJECT = 'who-runs-the-spec';
const PROJECT = 'images-of-the-spec';

const json = (status: number, value: object): Answered => ({
  status,
  headers: { 'content-type': 'application/json; charset=UTF-8' },
  body: JSON.stringify(value),
});

/** An error as Compute Engine writes it. */
export const googleError = (code: number, reason: string, message: string): Answered =>
  json(code, { error: { code, message, errors: [{ message, domain: 'global', reason }] } });

/** The last word of a path, or its last but one where that is a name. */
function wordOf({ method, url }: Asked): string {
  const words = url.pathname.split('/').filter(Boolean);
  const known = /^(setLabels|deprecate|getIamPolicy|setIamPolicy|token|subject)$/;
  return `${method} ${words.findLast((word) => known.test(word)) ?? words[5] ?? words.at(-1) ?? ''}`;
}

/** Starts it. */
export async function startGoogle(): Promise<FakeGoogle> {
  const world: GoogleWorld = { images: new Map(), operations: new Map(), looks: 1, page: 50, count: 0 };
  const compute = (asked: Asked): Answered => {
    if (asked.headers.authorization !== `Bearer ${TOKEN}`)
      return googleError(401, 'authError', 'Request had invalid authentication credentials.');
    try {
      return json(200, actions(world, PROJECT, asked));
    } catch (error) {
      if (error instanceof GoogleRefusal) return googleError(error.status, error.reason, error.message);
      throw error;
    }
  };
  const answer = (asked: Asked): Answered => {
    const what = wordOf(asked);
    fake.asked.push(what);
    const instead = fake.interfere(what);
    if (instead) return instead;
    if (asked.url.pathname === '/subject') return { status: 200, body: SUBJECT };
    if (asked.url.pathname !== '/token') return compute(asked);
    return new URLSearchParams(asked.body).get('subject_token') === SUBJECT
      ? json(200, {
          access_token: TOKEN,
          token_type: 'Bearer',
          expires_in: 3600,
          issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        })
      : json(400, { error: 'invalid_grant', error_description: 'The subject token is not known.' });
  };
  const server = await serve(answer);
  const fake: FakeGoogle = {
    endpoint: server.origin,
    project: PROJECT,
    credentials: {
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/spec',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${server.origin}/token`,
      credential_source: { url: `${server.origin}/subject` },
    },
    world,
    asked: [],
    interfere: () => null,
    bake() {
      world.count += 1;
      const name = `packer-${world.count}`;
      const image: GoogleImage = {
        name,
        status: 'READY',
        labels: {},
        labelFingerprint: 'f0',
        deprecated: null,
        policy: { etag: 'ACAB', bindings: [] },
      };
      world.images.set(name, image);
      return name;
    },
    waiting: server.waiting,
    stop: server.stop,
  };
  return fake;
}
