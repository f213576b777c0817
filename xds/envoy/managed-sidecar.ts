import { isIP } from "node:net";
import { fail, ok, type Result } from "../../model/result.ts";

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
 * Reads `node.metadata[MANAGED_KEY]`, which anyone may have written. `undefined` when the proxy is no managed sidecar; fails with
 * `InvalidManagedSidecar` when it asks for something that no listener can be built from.
 */
export function parseManagedSidecar(value: unknown): Result<ManagedSidecar | undefined> {
  if (value === undefined) return ok(undefined);
  if (typeof value !== "object" || value === null) return invalid("is no object");
  const {
    listenHost = "0.0.0.0",
    listenPort,
    appHost = "127.0.0.1",
    appPort,
    slots = ["default"],
    whenMissing = "closed",
  } = value as Fields;
  if (typeof listenHost !== "string" || isIP(listenHost) === 0) return invalid("needs an IP address as listenHost");
  if (!isPort(listenPort)) return invalid("needs a port from 1 to 65535 as listenPort");
  if (!isHost(appHost)) return invalid("needs a host name or an IP address as appHost");
  if (!isPort(appPort)) return invalid("needs a port from 1 to 65535 as appPort");
  if (!areSlots(slots)) return invalid(`needs at most ${MAX_SLOTS} different names of lower-case letters, digits and '-' as slots`);
  if (whenMissing !== "closed" && whenMissing !== "open") return invalid('needs "closed" or "open" as whenMissing');
  return ok({ listenHost, listenPort, appHost, appPort, slots, whenMissing });
}

type Fields = Readonly<Record<string, unknown>>;

function invalid(problem: string) {
  return fail("InvalidManagedSidecar", `node.metadata.${MANAGED_KEY} ${problem}: \`weir bootstrap --managed\` writes it`);
}

function areSlots(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > MAX_SLOTS || new Set(value).size !== value.length) return false;
  return value.every((slot) => typeof slot === "string" && SLOT.test(slot));
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

function isHost(value: unknown): value is string {
  return typeof value === "string" && (isIP(value) !== 0 || HOST.test(value));
}
