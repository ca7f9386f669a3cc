/** A document that belongs to an artifact and is kept beside it, by the kind of what it says. */
export interface Attachment {
  readonly type: AttachmentType;
  /** The document itself: JSON text. */
  readonly text: string;
}

/** Media types of what is kept beside artifacts; the field's own where it has one. */
export const ATTACHMENTS = {
  record: 'application/vnd.goldenthread.artifact.v1+json',
  evidence: 'application/vnd.goldenthread.evidence.v1+json',
  sbom: 'application/vnd.cyclonedx+json',
  attestation: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  revocation: 'application/vnd.goldenthread.revocation.v1+json',
} as const;

/** One of the media types. */
export type AttachmentType = (typeof ATTACHMENTS)[keyof typeof ATTACHMENTS];
