import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { parse } from "yaml";

/** One request to an API server; its status. Never throws. */
export type KubeClient = (method: string, path: string, body?: unknown) => Promise<number>;

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly server: string; readonly "certificate-authority-data": string } }];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

const TIMEOUT_MS = 10_000;

/** A client that keeps its connections, for many requests at little cost. */
export async function createKubeClient(kubeconfig: string): Promise<KubeClient> {
  const { clusters, users } = parse(await readFile(kubeconfig, "utf8")) as Kubeconfig;
  const { server, "certificate-authority-data": ca } = clusters[0].cluster;
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: Buffer.from(ca, "base64") });
  const authorization = `Bearer ${users[0].user.token}`;
  return (method, path, body) =>
    new Promise((resolve) => {
      // https://kubernetes.io/docs/reference/using-api/server-side-apply/
      const headers = { authorization, "content-type": method === "PATCH" ? "application/apply-patch+yaml" : "application/json" };
      let status = 0;
      const outgoing = request(`${server}${path}`, { method, agent, headers }, (response) => {
        status = response.statusCode ?? 0;
        response.on("error", () => {}).resume();
      });
      outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy());
      outgoing.on("error", () => {});
      outgoing.once("close", () => resolve(status));
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
}
