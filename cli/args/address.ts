import { isIP } from "node:net";
import type { Result } from "../../model/result.ts";
import { ok } from "../../model/result.ts";
import { usage } from "./usage.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where `weir serve` answers proxies, unless it is told otherwise. */
export const XDS_ADDRESS = "127.0.0.1:18000";
/** Where it does in a cluster, as the chart has it. */
export const CLUSTER_XDS_ADDRESS = "weir.weir-system.svc:18000";

/** Reads `HOST:PORT` (`127.0.0.1:18000`, `[::1]:18000`, `weir.mesh:18000`); `flag` is named in the message. */
export function parseAddress(text: string, flag: string): Result<Address> {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return usage(`${flag} is HOST:PORT, for example 127.0.0.1:18000, not "${text}"`);
  return ok({ host: match[1] ?? match[2] ?? "", port });
}

/** Reads a port number, 0 to 65535 (0: one that is free); `flag` is named in the message. */
export function parsePort(text: string, flag: string): Result<number> {
  const isPort = /^\d{1,5}$/.test(text) && Number(text) <= 65535;
  return isPort ? ok(Number(text)) : usage(`${flag} is PORT or HOST:PORT, for example 10000, not "${text}"`);
}

/** Reads `--listen [HOST:]PORT`: an address to bind, so a host name is not one. `host`: where a port alone is bound. */
export function parseListen(text: string, host: string): Result<Address> {
  if (text.includes(":")) {
    const address = parseAddress(text, "--listen");
    if (!address.ok || isIP(address.value.host) !== 0) return address;
    return usage(`--listen takes an IP address, for example 127.0.0.1:10000, not the name "${address.value.host}"`);
  }
  const port = parsePort(text, "--listen");
  return port.ok ? ok({ host, port: port.value }) : port;
}
