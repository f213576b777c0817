import assert from "node:assert/strict";
import { type ClientRequest, get, type IncomingMessage, request } from "node:http";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { WasmPolicy } from "../../model/gen/wasmpolicy.ts";
import { silentLog } from "../../model/log.ts";
import { proxyKey } from "../../model/proxy-key.ts";
import { ok } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { createHub, type Hub, type HubOptions } from "../server.ts";
import type { ChangeEvent, ProxyView, Views } from "../views.ts";

export const FILTER = {
  apiVersion: "weir.dev/v1alpha1",
  kind: "WasmFilter",
  metadata: { name: "add-header", namespace: "shop" },
  spec: { image: "registry.example/add-header:1" },
} as unknown as WasmFilter;

export const POLICY = {
  apiVersion: "weir.dev/v1alpha1",
  kind: "WasmPolicy",
  metadata: { name: "no-urls" },
  spec: { urls: "Deny" },
  status: { filters: 2, violating: 1, violations: [{ namespace: "shop", name: "add-header", message: "spec.url: URLs are not allowed" }] },
} as unknown as WasmPolicy;

const REVISION: Revision = {
  number: 1,
  image: "registry.example/add-header:1",
  digest: `sha256:${"a".repeat(64)}`,
  wasmDigest: `sha256:${"b".repeat(64)}`,
  settings: {
    ...DEFAULT_SETTINGS,
    config: "plain",
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

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** A hub on fixed views, and its clients. */
export interface HubScene {
  readonly hub: Hub;
  readonly port: number;
  readonly views: Views;
  /** What the views have. */
  readonly proxies: () => readonly ProxyView[];
  /** Who listens to the views' events. */
  readonly listeners: ReadonlySet<(event: ChangeEvent) => void>;
  setReady(ready: boolean): void;
  ask(path: string, options?: Asking): Promise<Reply>;
  openStream(headers?: Record<string, string>): Promise<{ readonly call: ClientRequest; readonly response: IncomingMessage }>;
}

/** Views that stand in for those of the scene; `proxies` for all that tell of proxies. */
export type SceneViews = Partial<Views> & { readonly proxies?: () => readonly ProxyView[] };

/** Starts a hub on a free port, with small bounds for its event stream. `overrides` replace single views. */
export async function startHub(
  overrides: SceneViews = {},
  options: Partial<Pick<HubOptions, "readers" | "plans" | "catalog" | "others" | "people" | "healthOnly" | "times" | "log">> = {},
  host = "127.0.0.1",
): Promise<HubScene> {
  const listeners = new Set<(event: ChangeEvent) => void>();
  let ready = true;
  const proxies = () => overrides.proxies?.() ?? [{ id: "web-1", namespace: "shop", labels: { app: "web" }, connected: true, slots: [] }];
  const find = (namespace: string, id: string) => proxies().find((proxy) => proxy.namespace === namespace && proxy.id === id);
  const views: Views = {
    filters: () => [FILTER],
    policies: () => ok([POLICY]),
    revisions: ({ name }) => (name === "add-header" ? [REVISION, SECRET_REVISION] : []),
    proxyHeads: proxies,
    eachProxy(heads) {
      if (heads === undefined) return proxies();
      const known = new Map(proxies().map((proxy) => [proxyKey(proxy.namespace, proxy.id), proxy]));
      return Array.from(heads).flatMap(({ namespace, id }) => known.get(proxyKey(namespace, id)) ?? []);
    },
    proxy: find,
    onChange: () => () => {},
    waveCount: () => undefined,
    waves: async () => [],
    metrics: async () => "# TYPE weir_filters gauge\nweir_filters 1\n",
    ready: () => ready,
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ...overrides,
  };
  const hub = createHub({
    log: silentLog,
    ...options,
    address: { host, port: 0 },
    views,
    events: { maxClients: 2, maxBufferedBytes: 4096 },
  });
  const bound = await hub.listen();
  assert.ok(bound.ok);
  const { port } = bound.value;
  return {
    hub,
    port,
    views,
    proxies,
    listeners,
    setReady(value) {
      ready = value;
    },
    ask: (path, options = {}) => ask(port, path, options),
    openStream: (headers = {}) => openStream(port, headers),
  };
}

function ask(port: number, path: string, options: Asking): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, path, agent: false, ...options }, (response) => {
      let body = "";
      response.setEncoding("latin1");
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    call.on("error", reject);
    call.end();
  });
}

function openStream(port: number, headers: Record<string, string>): Promise<{ call: ClientRequest; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const call = get({ host: "127.0.0.1", port, path: "/api/v1/events", agent: false, headers }, (response) => resolve({ call, response }));
    call.on("error", reject);
  });
}
