import type { protos } from '@google-cloud/compute';
import { all, fail, ok, type Call, type Result } from '@goldenthread/core';
import { Refused, type Google, type GoogleApi } from './google-client.ts';
import { present } from './fault.ts';
import type { CloudImage, Images, Mark, Marks } from './images.ts';
import { until, type Pace } from './wait.ts';

type Shown = protos.google.cloud.compute.v1.IImage;
/** A change that Google makes by itself, in its own time. */
export type Operation = protos.google.cloud.compute.v1.IOperation;

/** An image of Compute Engine in its project. */
export interface GoogleImage extends CloudImage {
  readonly project: string;
  readonly name: string;
  readonly deprecated: boolean;
}

/** Where an image is. */
export type Named = Pick<GoogleImage, 'project' | 'name'>;

/** Images of Google, and what only Google has. */
export interface GoogleImages extends Images<GoogleImage> {
  /** Does what answers with an operation, and waits for its end. */
  operate(
    doing: string,
    image: Named,
    start: (api: GoogleApi, named: { project: string; image: string }) => Promise<Operation>,
    call: Call,
  ): Promise<Result<void>>;
}

const PREFIX = 'goldenthread-';
// A label holds 63 characters of a small alphabet, and a hash has 64: it stands in two, whole.
const HASHES: readonly Mark[] = ['fingerprint', 'digest', 'tests'];
const HALF = 32;
const TRIES = 6;

interface Writing {
  readonly to: (value: string) => string;
  readonly from: (label: string) => string;
}

const SAME: Writing = { to: (value) => value, from: (label) => label };
/** How marks that are no hashes are written in the small alphabet: `1.4.1 1.4.2` is `1_4_1-1_4_2`. */
const PLAIN: Readonly<Partial<Record<Mark, Writing>>> = {
  image: {
    to: (value) => value.replaceAll('_', '__').replaceAll('.', '_-'),
    from: (label) => label.replaceAll(/_[_-]/g, (pair) => (pair === '_-' ? '.' : '_')),
  },
  version: {
    to: (value) => value.replaceAll('.', '_').replaceAll(' ', '-'),
    from: (label) => label.replaceAll('-', ' ').replaceAll('_', '.'),
  },
  commit: SAME,
};

/** Marks as labels: hashes in halves. */
function labelsOf(marks: Marks): Record<string, string> {
  const entries = Object.entries(marks).flatMap(([name, value]): [string, string][] => {
    const key = `${PREFIX}${name}`;
    const hex = value.replace(/^sha256:/, '');
    if (HASHES.includes(name as Mark))
      return [
        [`${key}-1`, hex.slice(0, HALF)],
        [`${key}-2`, hex.slice(HALF)],
      ];
    return [[key, PLAIN[name as Mark]?.to(value) ?? value]];
  });
  return Object.fromEntries(entries);
}

function marksOf(labels: Readonly<Record<string, string>>): Marks {
  const plain = Object.entries(PLAIN).map(([mark, { from }]) => {
    const label = labels[`${PREFIX}${mark}`];
    return [mark, label === undefined ? undefined : from(label)];
  });
  const hashes = HASHES.map((mark) => {
    const [one, two] = [labels[`${PREFIX}${mark}-1`], labels[`${PREFIX}${mark}-2`]];
    return [mark, one === undefined || two === undefined ? undefined : `sha256:${one}${two}`];
  });
  const found = [...plain, ...hashes].filter(([, value]) => value !== undefined);
  return Object.fromEntries(found) as Marks;
}

const PATH = /^(?:https:\/\/[^/]+\/compute\/[^/]+\/)?projects\/([^/]+)\/global\/images\/([^/]+)$/;
const NAME = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

const pathOf = ({ project, name }: Named): string => `projects/${project}/global/images/${name}`;

function imageOf(project: string, shown: Shown): GoogleImage {
  const name = present(shown.name, 'name');
  const status = shown.status ?? '';
  return {
    id: pathOf({ project, name }),
    project,
    name,
    state: status === 'READY' ? 'available' : status === 'PENDING' ? 'pending' : 'failed',
    marks: marksOf(shown.labels ?? {}),
    deprecated: ![undefined, null, '', 'ACTIVE'].includes(shown.deprecated?.state),
  };
}

/** Whether somebody else was faster: what was read is no longer what is there. */
export const overtaken = (error: unknown): boolean =>
  error instanceof Refused && (error.status === 412 || error.status === 409);

/** Does again, from reading on, what somebody else overtook; the last try's error is thrown on. */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      if (!overtaken(error) || left === 1) throw error;
    }
  }
}

/** A change that Google has begun. */
interface Begun {
  readonly image: Named;
  readonly operation: Operation;
  readonly pace: Pace;
}

/** Waits for the end of an operation, which may fail as a request does. */
async function finished(google: Google, begun: Begun, call: Call): Promise<Result<void>> {
  const { image, pace } = begun;
  const { name: operation = '', operationType } = begun.operation;
  const look = (): Promise<Result<true | null>> =>
    google.ask(
      `waiting for ${operation}`,
      async ({ operations, options }) => {
        const [seen] = await operations.get({ project: image.project, operation }, options);
        if (seen.status !== 'DONE') return null;
        const [error] = seen.error?.errors ?? [];
        if (error) throw new Refused(seen.httpErrorStatusCode ?? 400, error.code ?? '', error.message ?? '');
        return true;
      },
      call,
    );
  const awaited = { image: image.name, what: `${operationType ?? 'a change'} of ${pathOf(image)}` };
  const done = await until(look, awaited, pace, call);
  return done.ok ? ok(undefined) : done;
}

const setLabels = (google: Google, image: Named, marks: Marks, call: Call): Promise<Result<Operation>> =>
  google.ask(
    `labelling ${pathOf(image)}`,
    ({ images, options }) =>
      again(async () => {
        const { project, name } = image;
        const [there] = await images.get({ project, image: name }, options);
        const resource = {
          labels: { ...there.labels, ...labelsOf(marks) },
          labelFingerprint: present(there.labelFingerprint, 'labelFingerprint'),
        };
        const [begun] = await images.setLabels(
          { project, resource: name, globalSetLabelsRequestResource: resource },
          options,
        );
        return begun.latestResponse as Operation;
      }),
    call,
  );

const inProject = (
  google: Google,
  project: string,
  image: string,
  call: Call,
): Promise<Result<readonly GoogleImage[]>> =>
  google.ask(
    `listing images in ${project}`,
    async ({ images, options }) => {
      const found: GoogleImage[] = [];
      const filter = `labels.${PREFIX}image = "${labelsOf({ image })[`${PREFIX}image`]}"`;
      for await (const one of images.listAsync({ project, filter }, options))
        found.push(imageOf(project, one));
      return found.filter(({ marks }) => marks.image === image);
    },
    call,
  );

/** Images with their marks in labels `goldenthread-<mark>`. */
export function createGoogleImages(google: Google, pace: Pace): GoogleImages {
  const place = async (id: string, call: Call): Promise<Result<Named>> => {
    const [, project, name] = PATH.exec(id) ?? [];
    if (project !== undefined && name !== undefined) return ok({ project, name });
    const ours = await google.project(call);
    return ours.ok ? ok({ project: ours.value, name: id }) : ours;
  };
  const operate: GoogleImages['operate'] = async (doing, image, start, call) => {
    const begun = await google.ask(
      doing,
      (api) => start(api, { project: image.project, image: image.name }),
      call,
    );
    return begun.ok ? finished(google, { image, operation: begun.value, pace }, call) : begun;
  };
  return {
    cloud: 'Google Cloud',
    kind: 'google',
    homes: ({ external }) =>
      external
        .filter(({ builder }) => builder.startsWith('googlecompute'))
        .map(({ id }) => id)
        .filter((id) => PATH.test(id) || NAME.test(id)),
    async look(id, call) {
      const at = await place(id, call);
      if (!at.ok) return at;
      const { project, name } = at.value;
      return google.ask(
        `looking at ${pathOf(at.value)}`,
        async ({ images, options }) => {
          try {
            const [shown] = await images.get({ project, image: name }, options);
            return imageOf(project, shown);
          } catch (error) {
            if (error instanceof Refused && error.status === 404) return null;
            throw error;
          }
        },
        call,
      );
    },
    async list(image, near, call) {
      const ours = await google.project(call);
      if (!ours.ok) return ours;
      const beside = near.flatMap((id) => PATH.exec(id)?.[1] ?? []);
      const projects = [...new Set([ours.value, ...beside])];
      const listed = all(
        await Promise.all(projects.map((project) => inProject(google, project, image, call))),
      );
      return listed.ok ? ok(listed.value.flat()) : listed;
    },
    async mark(image, marks, call) {
      const long = Object.entries(labelsOf(marks)).find(([, value]) => !/^[a-z0-9_-]{0,63}$/.test(value));
      if (long) {
        const why = `the label ${long[0]} cannot hold "${long[1]}"`;
        return fail({
          code: 'account-unfit',
          account: 'Google Cloud',
          image: image.marks.image ?? image.name,
          why,
        });
      }
      const begun = await setLabels(google, image, marks, call);
      return begun.ok ? finished(google, { image, operation: begun.value, pace }, call) : begun;
    },
    operate,
  };
}
