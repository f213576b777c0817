import assert from "node:assert/strict";
import { type ClientRequest, get, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { silentLog } from "../model/log.ts";
import type { Revision } from "../model/revision.ts";
import { createHub, type Hub } from "./server.ts";
import type { ChangeEvent, Views } from "./views.ts";

const FILTER = {
  apiVersion: "weir.dev/v1alpha1",
  kind: "WasmFilter",
  metadata: { name: "add-header", namespace: "shop" },
  spec: { image: "registry.example/add-header:1" },
} as unknown as WasmFilter;

let ready = true;
let listeners: Set<(event: ChangeEvent) => void>;
let hub: Hub;
let port: number;

const REVISION: Revision = {
  number: 1,
  image: "registry.example/add-header:1",
  digest: `sha256:${"a".repeat(64)}`,
  wasmDigest: `sha256:${"b".repeat(64)}`,
  settings: {
    ...{ type: "HTTP", slot: "default", priority: 0, config: "plain", rootId: "", failurePolicy: "Reload", env: [] },
    capabilities: undefined,
  },
  capabilities: [],
  hash: "1",
  time: "2026-01-01T00:00:00Z",
};
const SECRET_REVISION: Revision = {
  ...REVISION,
  number: 2,
  settings: { ...REVISION.settings, config: "hunter2" },
  secretConfig: { name: "s", key: "k" },
};

const views: Views = {
  filters: () => [FILTER],
  revisions: ({ name }) => (name === "add-header" ? [REVISION, SECRET_REVISION] : []),
  proxies: () => [{ id: "web-1", namespace: "shop", labels: { app: "web" }, connected: true, slots: [] }],
  metrics: () => "# TYPE weir_filters gauge\nweir_filters 1\n",
  ready: () => ready,
  onEvent(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

beforeEach(async () => {
  ready = true;
  listeners = new Set();
  hub = createHub({ views, log: silentLog, events: { maxClients: 2, maxBufferedBytes: 4096 } });
  port = await listening(hub);
});

afterEach(() => hub.close());

async function listening(server: Hub): Promise<number> {
  const bound = await server.listen();
  assert.ok(bound.ok);
  return bound.value.port;
}

interface Reply {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

function ask(path: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, path, agent: false, ...options }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    call.on("error", reject);
    call.end();
  });
}

function event(message: string): ChangeEvent {
  return { time: "2026-01-01T00:00:00Z", filter: "shop/add-header", type: "Normal", reason: "Validated", message };
}

function openStream(): Promise<{ call: ClientRequest; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const call = get({ host: "127.0.0.1", port, path: "/api/v1/events", agent: false }, (response) => resolve({ call, response }));
    call.on("error", reject);
  });
}

test("binds to loopback when no address is given", async () => {
  const other = createHub({ views, log: silentLog });
  const bound = await other.listen();
  assert.ok(bound.ok);
  assert.equal(bound.value.host, "127.0.0.1");
  await other.close();
});

test("an address that is taken is a failure that says so", async () => {
  const other = createHub({ views, log: silentLog, address: { port } });
  const bound = await other.listen();
  assert.ok(!bound.ok);
  assert.match(bound.error.message, new RegExp(`127\\.0\\.0\\.1:${port}: another process has that port`));
});

test("healthz answers at once; readyz only when the views are ready", async () => {
  assert.equal((await ask("/healthz")).status, 200);
  ready = false;
  assert.equal((await ask("/healthz")).status, 200);
  assert.equal((await ask("/readyz")).status, 503);
  ready = true;
  assert.equal((await ask("/readyz")).status, 200);
});

test("metrics come in the Prometheus text format", async () => {
  const reply = await ask("/metrics");
  assert.match(String(reply.headers["content-type"]), /^text\/plain; version=0\.0\.4/);
  assert.equal(reply.body, views.metrics());
});

test("filters come as a Kubernetes List, and one by one", async () => {
  const list = JSON.parse((await ask("/api/v1/filters")).body);
  assert.equal(list.kind, "List");
  assert.deepEqual(list.items, [FILTER]);
  assert.deepEqual(JSON.parse((await ask("/api/v1/filters/shop/add-header")).body), FILTER);
  const missing = await ask("/api/v1/filters/shop/other");
  assert.equal(missing.status, 404);
  assert.match(JSON.parse(missing.body).error, /no WasmFilter shop\/other/);
});

test("revisions come in full, but for text that is from a Secret", async () => {
  const reply = await ask("/api/v1/filters/shop/add-header/revisions");
  assert.doesNotMatch(reply.body, /hunter2/);
  const [first, second] = JSON.parse(reply.body);
  assert.equal(first.settings.config, "plain");
  assert.equal(second.settings.config, "");
  assert.deepEqual(second.secretConfig, { name: "s", key: "k" });
  assert.equal((await ask("/api/v1/filters/shop/other/revisions")).status, 404);
});

test("proxies come as an array", async () => {
  assert.deepEqual(JSON.parse((await ask("/api/v1/proxies?x=1")).body), views.proxies());
});

test("HEAD has the headers of GET and no body", async () => {
  const head = await ask("/api/v1/proxies", { method: "HEAD" });
  const full = await ask("/api/v1/proxies");
  assert.equal(head.status, 200);
  assert.equal(head.headers["content-length"], full.headers["content-length"]);
  assert.equal(head.body, "");
  assert.equal((await ask("/api/v1/events", { method: "HEAD" })).status, 200);
});

test("an unknown path is 404 and names the paths there are", async () => {
  for (const path of [
    "/",
    "/api",
    "/api/v1/filters/",
    "/api/v1/filters/shop",
    "/api/v1/filters/../x",
    "/api/v1/filters/A/b",
    "//healthz",
  ]) {
    const reply = await ask(path);
    assert.equal(reply.status, 404, path);
    assert.match(reply.body, /\/api\/v1\/proxies/);
  }
});

test("a changing method is 405 with Allow", async () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    const reply = await ask("/api/v1/filters", { method });
    assert.equal(reply.status, 405, method);
    assert.equal(reply.headers.allow, "GET, HEAD");
  }
});

test("no answer lets other origins read it", async () => {
  for (const path of ["/api/v1/filters", "/api/v1/proxies", "/nothing"]) {
    const reply = await ask(path, { headers: { origin: "https://elsewhere.example" } });
    assert.equal(reply.headers["access-control-allow-origin"], undefined);
  }
});

test("on loopback a foreign Host name is refused, localhost and addresses are not", async () => {
  assert.equal((await ask("/healthz", { headers: { host: "rebound.example" } })).status, 421);
  for (const host of ["localhost", `localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
    assert.equal((await ask("/healthz", { headers: { host } })).status, 200, host);
  }
});

test("oversized headers are refused", async () => {
  assert.equal((await ask("/healthz", { headers: { "x-long": "a".repeat(20_000) } })).status, 431);
});

test("bytes that are no HTTP get 400 and the server lives on", async () => {
  const reply = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("\u0000\u0001garbage\r\n\r\n"));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
  assert.match(reply, /^HTTP\/1\.1 400/);
  assert.equal((await ask("/healthz")).status, 200);
});

test("a fault in the views costs one request, not the server", async () => {
  const broken = createHub({
    views: {
      ...views,
      metrics: () => {
        throw new Error("boom");
      },
    },
    log: silentLog,
  });
  const previous = port;
  port = await listening(broken);
  assert.equal((await ask("/metrics")).status, 500);
  assert.equal((await ask("/healthz")).status, 200);
  await broken.close();
  port = previous;
});

test("events reach every reader as server-sent events", async () => {
  const streams = [await openStream(), await openStream()];
  const texts = streams.map(
    ({ response }) =>
      new Promise<string>((resolve) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk) => {
          text += chunk;
          if (text.includes("two\\nlines")) resolve(text);
        });
      }),
  );
  for (const listener of listeners) listener(event("two\nlines"));
  for (const text of await Promise.all(texts)) {
    const data = /^event: change\ndata: (.*)\n\n/m.exec(text)?.[1] ?? "";
    assert.deepEqual(JSON.parse(data), event("two\nlines"));
  }
  for (const { call } of streams) call.destroy();
});

test("one reader too many is told to come back, and may once another left", async () => {
  const first = await openStream();
  const second = await openStream();
  const refused = await ask("/api/v1/events");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers["retry-after"], "5");
  first.call.destroy();
  second.call.destroy();
  for (;;) {
    const { call, response } = await openStream();
    call.destroy();
    if (response.statusCode === 200) break;
  }
});

test("a reader that does not read is dropped, and the others keep their events", async () => {
  const slow = await openStream();
  slow.response.pause();
  const dropped = new Promise<void>((resolve) => {
    slow.response.once("error", () => resolve());
    slow.response.once("close", () => resolve());
  });
  const quick = await openStream();
  let received = 0;
  quick.response.on("data", (chunk: Buffer) => {
    received += chunk.toString().split("event: change").length - 1;
  });
  // Enough to fill the kernel's socket buffers and then the bound of 4 KiB, a turn of the loop at a time.
  let sent = 0;
  const filler = "x".repeat(32 * 1024);
  const sending = setInterval(() => {
    for (const listener of listeners) listener(event(filler));
    sent++;
  }, 1);
  const stillSubscribed = () => new Promise<number | undefined>((resolve) => setImmediate(() => resolve(undefined)));
  while ((await hubReaders()) > 1) await stillSubscribed();
  clearInterval(sending);
  slow.response.resume();
  await dropped;
  while (received < sent) await stillSubscribed();
  quick.call.destroy();
});

/** Readers the hub holds, seen from outside: with a limit of two, a third is admitted only when one was dropped. */
async function hubReaders(): Promise<number> {
  const { call, response } = await openStream();
  call.destroy();
  return response.statusCode === 200 ? 1 : 2;
}

test("close ends open streams and resolves", async () => {
  const { response } = await openStream();
  const ended = new Promise<void>((resolve) => response.on("end", resolve));
  response.resume();
  await Promise.all([hub.close(), ended]);
  assert.equal(listeners.size, 0);
});
