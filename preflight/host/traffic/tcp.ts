import type { BodyBuffer, Context } from "../state/context.ts";
import type { Host } from "../state/host.ts";
import { BufferType } from "../values/status.ts";
import { deliver, tick } from "./delivery.ts";

/** What client and upstream send on one connection, in turns. */
export interface Connection {
  readonly downstream: Uint8Array;
  readonly upstream: Uint8Array;
}

export interface ConnectionResult {
  /** What came out on the other side; `undefined`: held or closed by the plugin. */
  readonly downstream: Uint8Array | undefined;
  readonly upstream: Uint8Array | undefined;
}

const REMOTE_CLOSE = 2;

/** Runs one connection through a network plugin, in Envoy's order, up to log, done and delete. */
export function runConnection(host: Host, root: Context, connection: Connection): ConnectionResult {
  let resumed = false;
  let closed = false;
  const control = {
    resume: () => {
      resumed = true;
    },
    reset: () => {
      closed = true;
    },
    reply: () => undefined,
  };
  const context = host.newContext(root, control);
  const run = (name: string, ...args: number[]): number => {
    if (host.fault !== undefined || !host.has(name)) return 0;
    const status = host.call(context, name, context.id, ...args) ?? 1;
    host.runDeferred();
    return status;
  };
  const pass = (name: string, type: number, bytes: Uint8Array): Uint8Array | undefined => {
    const buffer: BodyBuffer = { bytes, writable: true };
    context.buffers.set(type, buffer);
    const status = run(name, bytes.length, 0);
    for (let wait = 0; status !== 0 && !resumed && !closed && wait < 4; wait += 1) if (!deliver(host)) tick(host);
    context.buffers.delete(type);
    const through = (status === 0 || resumed) && !closed && host.fault === undefined;
    resumed = false;
    return through ? buffer.bytes : undefined;
  };
  run("proxy_on_context_create", root.id);
  const accepted = run("proxy_on_new_connection") === 0;
  const downstream = accepted ? pass("proxy_on_downstream_data", BufferType.DownstreamData, connection.downstream) : undefined;
  const upstream = downstream && pass("proxy_on_upstream_data", BufferType.UpstreamData, connection.upstream);
  run("proxy_on_upstream_connection_close", REMOTE_CLOSE);
  run("proxy_on_downstream_connection_close", REMOTE_CLOSE);
  for (const name of ["proxy_on_done", "proxy_on_log", "proxy_on_delete"]) run(name);
  host.contexts.delete(context.id);
  return { downstream, upstream };
}
