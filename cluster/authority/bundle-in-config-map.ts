import { createStandingTrouble } from "../../base/standing-trouble.ts";
import type { Clock } from "../../model/clock.ts";
import type { KubeApi } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { Failure } from "../../model/result.ts";
import type { TrustBundle } from "../../model/trust-bundle.ts";
import { refusal } from "../refusal.ts";

/** The ConfigMap with the authorities that count, for whoever starts proxies. Docs and the chart's roles name it. */
export const BUNDLE_CONFIG_MAP = "weir-ca";
/** The same key as in `kube-root-ca.crt`. */
const KEY = "ca.crt";

export interface BundleInConfigMapOptions {
  readonly api: KubeApi;
  readonly bundle: TrustBundle;
  /** Weir's own. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Log;
}

const RETRY_MS = 10_000;
/** It is written so often without a reason: for whoever changed or removed it. */
const LOOK_MS = 3_600_000;

/** Keeps the ConfigMap `weir-ca` at what the bundle holds, until the returned function is called. It is public: the key is in a Secret that nobody else needs to read. */
export function keepBundleInConfigMap({ api, bundle, namespace, clock, log }: BundleInConfigMapOptions): () => Promise<void> {
  const tell = createStandingTrouble((error) => log.warn("the ConfigMap with the authorities that count is not kept", { error }));
  let cancel = () => {};
  let turn = Promise.resolve();
  let isStopped = false;

  const write = () => {
    turn = turn.then(async () => {
      cancel();
      if (isStopped) return;
      const error = (await writeConfigMap(api, namespace, bundle.current()))?.message;
      tell(error);
      if (!isStopped) cancel = clock.after(error === undefined ? LOOK_MS : RETRY_MS, write);
    });
  };
  const unlisten = bundle.onChange(write);
  write();
  return async () => {
    isStopped = true;
    cancel();
    unlisten();
    await turn;
  };
}

/** A write that changes nothing is none: the API server keeps the object as it is. */
async function writeConfigMap(api: KubeApi, namespace: string, bundle: string): Promise<Failure | undefined> {
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  const data = { [KEY]: bundle };
  const told = { resource: "configmaps", id: BUNDLE_CONFIG_MAP, namespace };
  const path = `${collection}/${BUNDLE_CONFIG_MAP}`;
  const done = await api.request({ method: "PATCH", path, contentType: "application/merge-patch+json", body: { data } });
  if (done.ok) return undefined;
  if (done.error.status !== 404) return refusal({ verb: "patch", ...told }, done.error).error;
  const metadata = { name: BUNDLE_CONFIG_MAP, labels: { "app.kubernetes.io/managed-by": "weir" } };
  const made = await api.request({ method: "POST", path: collection, body: { apiVersion: "v1", kind: "ConfigMap", metadata, data } });
  return made.ok ? undefined : refusal({ verb: "create", ...told }, made.error).error;
}
