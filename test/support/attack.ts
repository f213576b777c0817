import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { flag, frameType, headerBlock, makeFrame, PREFACE, settingsFrame } from "../../xds/testing/raw-http2.ts";
import type { BystanderOptions, Noticed } from "./bystander.ts";
import { scheduled } from "./cpu.ts";
import { startProcess } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";
import { startWeir, type Weir } from "./weir.ts";

const IDLE_SERVER = `const server = require("node:http").createServer((request, response) => response.end("ok"));
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;
/** What /healthz may take beyond what a server that does nothing takes on the same machine at the same time, and what may be used beyond what was used before: at most 286 MiB was measured. */
const HEALTH_MS = 100;
const GROWTH_MIB = 320;

/** A `weir serve` as users start it, with somebody honest beside what a test does to it. */
export interface Victim {
  readonly server: Weir;
  readonly httpPort: number;
  /** Runs the attack; then asserts that health was answered, that honest streams went on, and that memory stayed within bounds, and tells the figures. */
  during(what: string, attack: () => Promise<string | undefined>, healthMs?: number): Promise<void>;
}

export interface VictimOptions {
  readonly flags?: readonly string[];
  /** Limit on its open files. Default: this process's own. */
  readonly descriptors?: number;
  /** Names and contents of manifests. */
  readonly filters?: Readonly<Record<string, string>>;
}

export async function startVictim(t: TestContext, { flags = [], descriptors, filters = {} }: VictimOptions = {}): Promise<Victim> {
  const folder = await createTempFolder("attack");
  t.after(() => folder.remove());
  await mkdir(join(folder.path, "filters"));
  for (const [name, text] of Object.entries(filters)) await writeFile(join(folder.path, "filters", name), text);
  const server = await startWeir({
    source: ["--filters", join(folder.path, "filters")],
    data: join(folder.path, "data"),
    cwd: folder.path,
    flags,
    ...(descriptors === undefined ? {} : { bin: await limited(folder.path, descriptors) }),
  });
  t.after(() => server.stop());
  const idle = await startProcess(process.execPath, ["-e", IDLE_SERVER]);
  t.after(() => idle.stop());
  const idlePort = await idle.waitFor("its port", (text) => /(\d+)\n/.exec(text)?.[1]);
  const workerData: BystanderOptions = {
    idleUrl: `http://127.0.0.1:${idlePort}/`,
    xdsPort: server.xdsPort,
    healthUrl: `${server.url}/healthz`,
  };
  const bystander = new Worker(new URL("./bystander.ts", import.meta.url), { workerData });
  t.after(() => bystander.terminate());
  const noticed = async (): Promise<Noticed> => {
    bystander.postMessage("tell");
    return (await once(bystander, "message"))[0];
  };
  // The first answers compile what answers them.
  await new Promise((done) => setTimeout(done, 700));
  await noticed();
  return {
    server,
    httpPort: Number(new URL(server.url).port),
    async during(what, attack, healthMs = HEALTH_MS) {
      const pid = server.pid();
      const before = await memory(pid, "VmRSS");
      await writeFile(`/proc/${pid}/clear_refs`, "5");
      const ran = await scheduled(pid);
      const said = await attack();
      await new Promise((done) => setTimeout(done, 200));
      const { health, pushes, idle, failures } = await noticed();
      const grown = (await memory(pid, "VmHWM")) - before;
      const now = await scheduled(pid);
      // A machine that is busy with other things makes everything that much slower.
      const waitedMs = (now.waitedNs - ran.waitedNs) / 1e6;
      const slowness = 1 + (now.waitedNs - ran.waitedNs) / (now.ranNs - ran.ranNs);
      const slowest = Math.max(...health);
      const machine = Math.max(...idle);
      t.diagnostic(
        `${what}: ${said === undefined ? "" : `${said}; `}/healthz at most ${slowest.toFixed(0)} ms (${health.length} asked; a server that does nothing ${machine.toFixed(0)} ms, machine ${slowness.toFixed(1)} times as slow), honest pushes at most ` +
          `${Math.max(...pushes).toFixed(0)} ms (${pushes.length}), ${grown.toFixed(0)} MiB more at most`,
      );
      assert.deepEqual(failures, [], what);
      assert.ok(slowest <= healthMs * slowness + 2 * machine + waitedMs, `${what}: /healthz took ${slowest} ms`);
      assert.ok(grown <= GROWTH_MIB, `${what}: ${grown} MiB more`);
      assert.ok(health.length > 1 && pushes.length > 1, `${what}: ${health.length} answers of /healthz, ${pushes.length} pushes`);
      assert.equal(server.pid(), pid);
    },
  };
}

/** A command like `weir` with that many open files at most. */
async function limited(folder: string, descriptors: number): Promise<string> {
  const path = join(folder, "weir");
  const weir = fileURLToPath(new URL("../../bin/weir", import.meta.url));
  await writeFile(path, `#!/bin/sh\nulimit -n ${descriptors}\nexec "${weir}" "$@"\n`, { mode: 0o755 });
  return path;
}

/** MiB of a line in /proc/PID/status. */
async function memory(pid: number, line: "VmRSS" | "VmHWM"): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${line}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024;
}

export const METHODS = {
  ads: "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
  clientStatus: "/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus",
  watch: "/grpc.health.v1.Health/Watch",
  metrics: "/envoy.service.metrics.v3.MetricsService/StreamMetrics",
} as const;

/** An HTTP/2 connection that says what it likes. */
export interface Raw {
  readonly socket: Socket;
  isClosed(): boolean;
  /** Resolves when the bytes are on their way, or nobody takes them any more. */
  write(...frames: readonly Uint8Array[]): Promise<void>;
}

/** `settings`: the first frame. */
export async function rawConnection(port: number, settings: readonly (readonly [number, number])[] = []): Promise<Raw> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  const raw: Raw = {
    socket,
    isClosed: () => socket.destroyed,
    async write(...frames) {
      if (socket.destroyed || socket.write(Buffer.concat(frames))) return;
      const ended = new AbortController();
      const { signal } = ended;
      await Promise.race([once(socket, "drain", { signal }), once(socket, "close", { signal })]).catch(() => {});
      ended.abort();
    },
  };
  await raw.write(PREFACE, settingsFrame(settings));
  return raw;
}

/** A connection of Node's own client, which keeps to the windows that it is given. `window`: bytes of answers that it takes. */
export function http2Session(port: number, window?: number): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: window === undefined ? {} : { initialWindowSize: window } });
  session.on("error", () => {});
  return session;
}

/** A call that reads nothing of what it is answered. */
export interface SilentCall {
  isClosed(): boolean;
  /** Resolves when the server took the bytes, or takes none any more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves with the status, or `reset`. */
  readonly ended: Promise<string>;
}

export function silentCall(session: ClientHttp2Session, path: string): SilentCall {
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
  let status = "reset";
  const note = (headers: IncomingHttpHeaders) => {
    if (headers["grpc-status"] !== undefined) status = `${headers["grpc-status"]} ${decodeURIComponent(String(headers["grpc-message"]))}`;
  };
  stream.on("error", () => {});
  stream.on("response", note);
  stream.on("trailers", note);
  return {
    isClosed: () => stream.closed || stream.destroyed,
    ended: new Promise((resolve) => stream.once("close", () => resolve(status))),
    write: (bytes) =>
      new Promise((resolve) => {
        if (stream.closed || stream.destroyed) return resolve();
        const done = () => {
          stream.off("close", done).off("aborted", done);
          resolve();
        };
        // A stream that the server ended is closed only when all that it was sent is read.
        stream.once("close", done).once("aborted", done);
        stream.write(bytes, done);
      }),
  };
}

/** The frame that opens a call. */
export function opening(stream: number, path: string): Buffer {
  const headers = { ":method": "POST", ":scheme": "http", ":authority": "a", ":path": path, "content-type": "application/grpc" };
  return makeFrame(frameType.headers, flag.endHeaders, stream, headerBlock(headers));
}

export function data(stream: number, bytes: Uint8Array): Buffer {
  return makeFrame(frameType.data, 0, stream, bytes);
}
