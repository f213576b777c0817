/** What a proxy rejected, kept until another content becomes the target. */
export interface KnownRejection {
  /** Hash of the rejected revision. */
  readonly hash: string;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}
