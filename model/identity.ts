import type { Result } from "./result.ts";

/** What the tokens of ServiceAccounts are made for, unless the server is told otherwise. */
export const TOKEN_AUDIENCE = "weir.dev";

/** Labels of a proxy that count. A Pod object may have 1.5 MB of them, and replicas tell each other of every proxy's; those of a pod that somebody runs are some ten. */
export const MAX_LABELS = 256;

/** A pod that runs, as the cluster has it now. */
export interface LivePod {
  /** The labels of the Pod object; they change. */
  readonly labels: Readonly<Record<string, string>>;
  /** Calls the listener when the labels change, and when the pod is gone or another one has its name, until the returned function is called. */
  onChange(listener: (what: "labels" | "gone") => void): () => void;
}

/** A proxy of this namespace. */
export interface ProxyIdentity {
  readonly role: "proxy";
  readonly namespace: string;
  /** Set: this node and no other. */
  readonly nodeId: string | undefined;
  /** When what proves it ends, in milliseconds since the epoch. */
  readonly until: number | undefined;
  /** Set: it runs in the pod with this uid, whose name is `nodeId`. */
  readonly podUid?: string | undefined;
  /** That pod, where the cluster was asked. What a node says of its id and its labels does not count then. */
  readonly pod?: LivePod | undefined;
}

/** Somebody who may read what Weir knows. */
export interface ReaderIdentity {
  readonly role: "reader";
  readonly until: undefined;
  /** Set: an editor, who may change the filters of a folder too. */
  readonly edits?: { readonly name: string /** `undefined`: all. */; readonly namespace: string | undefined };
}

/** Whom a client proved to be. */
export type Identity = ProxyIdentity | ReaderIdentity;

/** What is known at once, or later. */
export type Soon<T> = T | Promise<T>;

/** Asks the cluster whose token this is. */
export interface TokenReviewer {
  /**
   * `token`: without the scheme; `address`: the IP address of who sent it, which shares what is asked at once. Fails with `Unauthenticated`, or, when it could not be
   * asked, with a failure that is retryable; both worded for the status of a call.
   */
  review(token: string, address: string): Soon<Result<ProxyIdentity>>;
}

/** The pods of the cluster. */
export interface Pods {
  /**
   * Finds the pod that a client proved to run in. `address`: the IP address of the client. Fails as `review` does: the pod is gone, another one has its name now, or it
   * does not have that address and proved itself by what can be copied.
   */
  find(proved: ProvedPod, address: string): Soon<Result<LivePod>>;
}

export interface ProvedPod {
  /** By a token, which whoever sees it can send too. */
  readonly byToken: boolean;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A token that the API server said is good. */
export interface VouchedToken {
  /** Keyed, so that it tells nothing of the token to who has no key. */
  readonly hash: string;
  /** Of the pod that it was made for. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** When it ends, in milliseconds since the epoch. */
  readonly until: number;
}

/** A pod as it was read from the API server. */
export interface VouchedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Its resource version. */
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `shared`: those of its node. */
  readonly addresses: readonly string[] | "shared";
}

/** What the API server said of clients. */
export interface Vouched {
  readonly tokens: readonly VouchedToken[];
  readonly pods: readonly VouchedPod[];
}

/** What replicas tell each other of their clients: a proxy that comes from one to another is let in there though the API server cannot be asked. */
export interface Vouching {
  /** All that is known. */
  all(): Vouched;
  /** Calls the listener with what the API server said, until the returned function is called. */
  onVouched(listener: (vouched: Vouched) => void): () => void;
  /** Takes what another replica was told. */
  take(vouched: Vouched): void;
}
