import assert from "node:assert/strict";
import { randomUUID, sign } from "node:crypto";
import type { Fields } from "../../model/kube.ts";
import { accessTo, type Cluster } from "./cluster.ts";

/** A Pod object: what runs in it is the test's own. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  /** Default: 127.0.0.1; `undefined`: it has none yet. */
  readonly ip?: string | undefined;
  readonly hostNetwork?: boolean;
}

export interface TokenOptions {
  readonly audience?: string;
  /** Of the pod, as a kubelet asks for it. `false`: of the ServiceAccount alone. */
  readonly bound?: boolean;
}

/** Pods of a cluster without nodes, and tokens of their ServiceAccount `web`. */
export interface PodMaker {
  namespace(name: string): Promise<void>;
  create(namespace: string, name: string, options?: PodOptions): Promise<Pod>;
  relabel(pod: Pod, labels: Readonly<Record<string, string | null>>): Promise<void>;
  setStatus(pod: Pod, status: Fields): Promise<void>;
  remove(pod: Pod): Promise<void>;
  /** By the TokenRequest API, which gives out none that lasts less than 600 s. */
  token(pod: Pod, options?: TokenOptions): Promise<string>;
  /** Signed with the API server's key, as the TokenRequest API would: one that ends in so many seconds. */
  shortToken(pod: Pod, seconds: number): Promise<string>;
}

const AUDIENCE = "weir.dev";
const ACCOUNT = "web";

export function createPodMaker({ kubeconfig, signingKey }: Cluster): PodMaker {
  const { api } = accessTo(kubeconfig);
  const ask = async (method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: unknown, contentType = "application/json") => {
    const done = await api.request({ method, path, contentType, ...(body === undefined ? {} : { body }) });
    assert(done.ok, done.ok ? "" : `${method} ${path}: ${done.error.message}`);
    return done.value;
  };
  const patch = (path: string, body: unknown) => ask("PATCH", path, body, "application/merge-patch+json");
  const pathOf = ({ namespace, name }: Pick<Pod, "namespace" | "name">) => `/api/v1/namespaces/${namespace}/pods/${name}`;
  const accountOf = (namespace: string) => `/api/v1/namespaces/${namespace}/serviceaccounts/${ACCOUNT}`;

  return {
    async namespace(name) {
      await ask("POST", "/api/v1/namespaces", { metadata: { name } });
      await ask("POST", `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: ACCOUNT } });
    },
    async create(namespace, name, options = {}) {
      const { labels = {}, hostNetwork = false } = options;
      const spec = { serviceAccountName: ACCOUNT, hostNetwork, containers: [{ name: "app", image: "none.example/app" }] };
      const made = await ask("POST", `/api/v1/namespaces/${namespace}/pods`, { metadata: { name, labels }, spec });
      const { uid } = made.metadata as { readonly uid: string };
      const ip = "ip" in options ? options.ip : "127.0.0.1";
      const status = { phase: "Running", ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }) };
      await patch(`${pathOf({ namespace, name })}/status`, { status });
      return { namespace, name, uid };
    },
    async relabel(pod, labels) {
      await patch(pathOf(pod), { metadata: { labels } });
    },
    async setStatus(pod, status) {
      await patch(`${pathOf(pod)}/status`, { status });
    },
    async remove(pod) {
      await ask("DELETE", pathOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.uid } });
    },
    async token({ namespace, name, uid }, { audience = AUDIENCE, bound = true } = {}) {
      const boundObjectRef = { kind: "Pod", apiVersion: "v1", name, uid };
      const spec = { audiences: [audience], expirationSeconds: 600, ...(bound ? { boundObjectRef } : {}) };
      const made = await ask("POST", `${accountOf(namespace)}/token`, { spec });
      return (made.status as { readonly token: string }).token;
    },
    async shortToken({ namespace, name, uid }, seconds) {
      const account = (await ask("GET", accountOf(namespace))).metadata as { readonly uid: string };
      const now = Math.floor(Date.now() / 1_000);
      const claims = {
        iss: "https://kubernetes.default.svc",
        ...{ aud: [AUDIENCE], iat: now - 60, nbf: now - 60, exp: now + seconds, jti: randomUUID() },
        sub: `system:serviceaccount:${namespace}:${ACCOUNT}`,
        "kubernetes.io": { namespace, pod: { name, uid }, serviceaccount: { name: ACCOUNT, uid: account.uid } },
      };
      const text = [{ alg: "ES256" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
      return `${text}.${sign("sha256", Buffer.from(text), { key: signingKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
    },
  };
}
