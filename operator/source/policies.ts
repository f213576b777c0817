/** The WasmPolicies as of now, and what they select namespaces by. A snapshot: whenever something of it changes, there is another. */
export interface Policies {
  /** By name, raw. `undefined`: they are not known, and nothing new may go out. */
  readonly objects: ReadonlyMap<string, object> | undefined;
  /** Why they are not known, and what to do. */
  readonly problem?: string;
  /** The labels of a namespace. `undefined`: they are not known, and what depends on them may not go out. */
  labels(namespace: string): Readonly<Record<string, string>> | undefined;
}

/** Before anything was read. */
export const UNREAD_POLICIES: Policies = { objects: undefined, labels: () => undefined };

/** Where there are none. */
export const NO_POLICIES: Policies = { objects: new Map(), labels: () => ({}) };
