import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";

/** Services on developers' machines use ports below this. */
const LOWEST = 10_000;
const HIGHEST = 65_535;
/** IANA's ephemeral range, which macOS uses. https://www.rfc-editor.org/rfc/rfc6335#section-6 */
const IANA_EPHEMERAL: Range = [49_152, HIGHEST];
const ATTEMPTS = 100;
const STARTS = 3;

/** First and last port. */
type Range = readonly [number, number];

/**
 * Reserves a TCP port on 127.0.0.1 for this process until it ends, whether something listens on it or not. Use it for a server that must know its port
 * before it starts, or that restarts on the same port. A server that can bind port 0 and report its port does not need this.
 * - The kernel never picks the port: it is outside the range for outgoing connections and port 0.
 * - No other test picks it: this process binds the UDP port of the same number, which does not conflict with a TCP server.
 */
export async function reservePort(): Promise<number> {
  const ranges = reservable(await ephemeralRange());
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = pick(ranges);
    if ((await claim(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no free port found in ${ranges.map((range) => range.join("-")).join(", ")}`);
}

/** Starts a server on a reserved port. If its error says that the port is in use (by something that is not a test), starts it on another one. */
export async function startOnReservedPort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let left = STARTS - 1; ; left--) {
    try {
      return await start(await reservePort());
    } catch (error) {
      if (left === 0 || !/address already in use|EADDRINUSE/.test(String(error))) throw error;
    }
  }
}

/** The ports from `LOWEST` up that the kernel never picks; all of them if it may pick any. */
export function reservable([first, last]: Range): readonly Range[] {
  const ranges: readonly Range[] = [
    [LOWEST, Math.min(first - 1, HIGHEST)],
    [Math.max(last + 1, LOWEST), HIGHEST],
  ];
  const some = ranges.filter(([from, to]) => from <= to);
  return some.length > 0 ? some : [[LOWEST, HIGHEST]];
}

/** https://docs.kernel.org/networking/ip-sysctl.html, ip_local_port_range */
async function ephemeralRange(): Promise<Range> {
  const text = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8").catch(() => "");
  const [first = 0, last = 0] = text.split(/\s+/).map(Number);
  return first > 0 && last >= first ? [first, last] : IANA_EPHEMERAL;
}

function pick(ranges: readonly Range[]): number {
  let index = Math.floor(Math.random() * ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0));
  for (const [from, to] of ranges) {
    if (index <= to - from) return from + index;
    index -= to - from + 1;
  }
  return HIGHEST;
}

/** Binds the UDP port; false when it is taken. The kernel frees it when this process ends. */
async function claim(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  try {
    socket.bind({ port, address: "127.0.0.1", exclusive: true });
    await once(socket, "listening");
    socket.unref();
    return true;
  } catch {
    socket.close();
    return false;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return true;
  } catch {
    return false;
  }
}
