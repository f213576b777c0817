import { isIP } from "node:net";

/** Key of node.metadata under which a managed sidecar says what it wants served. */
export const MANAGED_KEY = "WEIR_MANAGED";

/** What a proxy with nothing but ADS in its bootstrap wants: where it listens, its app, and the slots between. */
export interface ManagedSidecar {
  readonly listenHost: string;
  readonly listenPort: number;
  readonly appHost: string;
  readonly appPort: number;
  /** In the order a request meets them. */
  readonly slots: readonly string[];
  /** For a slot that has no answer yet when the listener starts. */
  readonly whenMissing: "closed" | "open";
}

const MAX_SLOTS = 16;
const SLOT = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const HOST = /^[a-zA-Z0-9]([-a-zA-Z0-9.]{0,251}[a-zA-Z0-9])?$/;

/**
 * Reads `node.metadata[MANAGED_KEY]`, which anyone may have written. `undefined` when the proxy is no managed sidecar or asks
 * for something that no listener can be built from.
 */
export function parseManagedSidecar(value: unknown): ManagedSidecar | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const {
    listenHost = "0.0.0.0",
    listenPort,
    appHost = "127.0.0.1",
    appPort,
    slots = ["default"],
    whenMissing = "closed",
  } = value as Record<string, unknown>;
  if (!isHost(listenHost) || isIP(listenHost) === 0 || !isPort(listenPort) || !isHost(appHost) || !isPort(appPort)) return undefined;
  if (!Array.isArray(slots) || slots.length > MAX_SLOTS || new Set(slots).size !== slots.length) return undefined;
  if (!slots.every((slot) => typeof slot === "string" && SLOT.test(slot))) return undefined;
  if (whenMissing !== "closed" && whenMissing !== "open") return undefined;
  return { listenHost, listenPort, appHost, appPort, slots, whenMissing };
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

function isHost(value: unknown): value is string {
  return typeof value === "string" && (isIP(value) !== 0 || HOST.test(value));
}
