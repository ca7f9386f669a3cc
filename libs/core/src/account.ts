/** A place that released images are shared with, as the settings declare it. */
export type Account =
  | {
      readonly kind: 'oci';
      readonly name: string;
      /** Registry host and, where there is one, the path below which images lie: `registry.example/team`. */
      readonly registry: string;
      /** A file of the workspace with the certificates that its server's is signed by, where the system does not know them. */
      readonly ca: string | null;
    }
  | {
      readonly kind: 'directory';
      readonly name: string;
      /** An OCI layout folder; relative to the workspace root where it is not absolute. */
      readonly path: string;
    }
  | {
      readonly kind: 'aws';
      readonly name: string;
      /** Account number, twelve digits. */
      readonly account: string;
      /** Where the image is to be; it is copied to those it was not baked in. None: only where it was baked. */
      readonly regions: readonly { readonly name: string; readonly kmsKey: string | null }[];
    }
  | {
      readonly kind: 'azure';
      readonly name: string;
      readonly subscription: string;
      readonly resourceGroup: string;
      /** Name of a compute gallery. */
      readonly gallery: string;
      readonly regions: readonly string[];
    }
  | {
      readonly kind: 'google';
      readonly name: string;
      /** Who may use the image, as IAM writes it: `serviceAccount:…`, `group:…`, `domain:…`. */
      readonly member: string;
    };

/** What kind of place an account is; the same words name the stores that serve it. */
export type AccountKind = Account['kind'];

/**
 * What an account has of one release, as observed. `pending`: on its way, ask again. `other`: something else stands there
 * under the same version, or only a part of it.
 */
export interface Access {
  readonly account: Account;
  readonly state: 'ready' | 'pending' | 'missing' | 'other';
  /** In words: what is there, or what is missing. */
  readonly detail: string;
}

/** What a transfer came to. */
export interface Moved {
  /** Bytes of content that went over the wire (or were written). */
  readonly bytes: number;
  /** Blobs that were sent. */
  readonly sent: number;
  /** Blobs that the registry took over from another of its repositories. */
  readonly mounted: number;
  /** Blobs that were there already. */
  readonly there: number;
}

/** Nothing was moved. */
export const UNMOVED: Moved = { bytes: 0, sent: 0, mounted: 0, there: 0 };

/** Two transfers as one. */
export const addMoved = (a: Moved, b: Moved): Moved => ({
  bytes: a.bytes + b.bytes,
  sent: a.sent + b.sent,
  mounted: a.mounted + b.mounted,
  there: a.there + b.there,
});
