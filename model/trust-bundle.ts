/**
 * The authorities whose certificates count now. Who connects to Weir (proxies, the API server for admission) must know all of them: a new one is in here
 * well before Weir shows a certificate of it, and an old one leaves after the last certificate of it has ended.
 */
export interface TrustBundle {
  /** Certificates as PEM, one after the other; never a key. */
  current(): string;
  /** Calls the listener after each change until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** The annotation of an injected pod that holds the bundle. A volume of the downward API makes it a file. */
export const CA_ANNOTATION = "weir.dev/ca";
/** The label, with the value `true`, of pods that Weir injected. */
export const INJECTED_LABEL = "weir.dev/injected";
