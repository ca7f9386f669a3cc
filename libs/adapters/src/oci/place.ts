import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';
import { isDigest } from './digest.ts';
import type { Memory } from './memory.ts';

/** Media types of what OCI content is made of. */
export const MEDIA = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  empty: 'application/vnd.oci.empty.v1+json',
} as const;

/** What names a piece of content: size in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  /** The content itself in base64, where it is short. */
  readonly data?: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os?: string; readonly architecture?: string };
}

/** A manifest as it lies there; its bytes are what the digest says. */
export interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** What we read of manifests and indexes. */
export interface ManifestFields {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Bytes as they come; broken content throws an error that `failureOf` knows. */
export type Content = AsyncIterable<Uint8Array>;

/** A blob to put: where its bytes come from, again from the start each time, and who may have it already. */
export interface Upload {
  readonly digest: string;
  readonly size: number;
  readonly open: (call: Call) => Promise<Result<Content>>;
  /** A repository of the same registry that holds it; null where none is known. */
  readonly mountFrom: string | null;
  /** Nothing speaks for its being there already: it is sent, or taken over, without a look. */
  readonly isNew?: boolean;
}

/** How a blob came there. */
export type Put = 'sent' | 'mounted' | 'there';

/** One repository of OCI content: in a registry, or in a layout folder. References are tags or digests. */
export interface OciPlace {
  /** In words, for messages. */
  readonly name: string;
  /** What it shares with the places that it can take blobs over from. */
  readonly registry: string;
  readonly repository: string;
  /** What is known of its content, and that of other places that share this memory. */
  readonly memory: Memory;
  has(digest: string, call: Call): Promise<Result<boolean>>;
  /** The bytes that are said to have this digest; `verified` sees whether they do. */
  open(digest: string, call: Call): Promise<Result<Content>>;
  putBlob(upload: Upload, call: Call): Promise<Result<Put>>;
  /** The digest that a reference names, without reading the manifest; null where it names nothing. */
  resolve(reference: string, call: Call): Promise<Result<string | null>>;
  manifest(reference: string, call: Call): Promise<Result<Manifest | null>>;
  /** Puts a manifest that has no subject. */
  putManifest(reference: string, manifest: Manifest, call: Call): Promise<Result<void>>;
  /** Puts manifests whose subject this is, in order, and adds them to what was `listed` as its referrers just before. */
  putReferrers(
    subject: string,
    manifests: readonly Manifest[],
    listed: readonly Descriptor[],
    call: Call,
  ): Promise<Result<void>>;
  tags(call: Call): Promise<Result<readonly string[]>>;
  /** Manifests whose subject this is. */
  referrers(digest: string, call: Call): Promise<Result<readonly Descriptor[]>>;
  /** Takes a tag away, and its manifest as well where no other tag names it. */
  untag(tag: string, call: Call): Promise<Result<void>>;
}

/** What is not what it should be, as a failure. */
export const corrupt = (what: string, expected: string, found: string): Failure => ({
  code: 'content-corrupt',
  what,
  expected,
  found,
});

const isDescriptor = (value: unknown): value is Descriptor => {
  if (typeof value !== 'object' || value === null) return false;
  const { digest, size } = value as Partial<Descriptor>;
  return typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size) && (size ?? -1) >= 0;
};

/** Reads a manifest; fails with `content-corrupt` where it is none. */
export function fieldsOf(manifest: Manifest, what: string): Result<ManifestFields> {
  const garbage = fail(corrupt(`${what} ${manifest.digest}`, 'an OCI manifest', 'something else'));
  try {
    const fields = JSON.parse(Buffer.from(manifest.bytes).toString('utf8')) as ManifestFields | null;
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return garbage;
    const lists = [fields.layers ?? [], fields.manifests ?? []];
    if (!lists.every(Array.isArray)) return garbage;
    const named = [...lists.flat(), ...[fields.config, fields.subject].filter((one) => one !== undefined)];
    return named.every(isDescriptor) ? ok(fields) : garbage;
  } catch {
    return garbage;
  }
}

/** The blobs that a manifest names, each once. */
export const blobsOf = ({ config, layers = [] }: ManifestFields): readonly Descriptor[] => [
  ...new Map([...(config ? [config] : []), ...layers].map((one) => [one.digest, one])).values(),
];

/** Bytes that are held, as content. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** How a manifest stands in a list of referrers. */
export function describe({ mediaType, digest, bytes }: Manifest, fields: ManifestFields): Descriptor {
  const { artifactType = fields.config?.mediaType, annotations } = fields;
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations ? { annotations } : {}),
  };
}
