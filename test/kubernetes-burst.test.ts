import assert from "node:assert/strict";
import { test } from "node:test";
import { accessTo, startCluster } from "./support/cluster.ts";

test("requests that come at once share a pool of connections, the first of all too: none is cut off by another", async (t) => {
  const cluster = await startCluster();
  t.after(cluster.stop);
  const { api } = accessTo(cluster.kubeconfig);
  const path = "/api/v1/namespaces/default/configmaps";
  const create = (name: string) => api.request({ method: "POST", path, body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name } } });
  for (const round of ["a", "b"]) {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => create(`${round}-${index}`)));
    assert.deepEqual(
      answers.filter(({ ok }) => !ok),
      [],
    );
  }
});
