import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { systemClock } from "../../../model/clock.ts";
import { silentLog } from "../../../model/log.ts";
import { createKubernetesSource } from "./source.ts";

async function until(holds: () => boolean): Promise<void> {
  for (let left = 400; !holds(); left--) {
    assert.ok(left > 0, "in time");
    await sleep(5);
  }
}

test("it is followed while the watch runs, not while the API server refuses it, and again after", { timeout: 20_000 }, async (t) => {
  let refuses = false;
  const server = createServer((request, response) => {
    if (refuses) return response.writeHead(503).end("{}");
    response.writeHead(200, { "content-type": "application/json" });
    if (request.url?.includes("watch=true")) return response.flushHeaders();
    return response.end(
      JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilterList", metadata: { resourceVersion: "1" }, items: [] }),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const kubeConfig = new KubeConfig();
  const { port } = server.address() as AddressInfo;
  // Its client speaks plain HTTP to such a cluster only.
  kubeConfig.loadFromClusterAndUser({ name: "c", server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: "u" });
  const source = createKubernetesSource({ kubeConfig, log: silentLog, clock: systemClock, random: () => 0 });
  t.after(async () => {
    await source.stop();
    server.closeAllConnections();
    server.close();
  });
  assert.equal(source.isFollowed(), false);
  await source.start();
  assert.equal(source.isFollowed(), true);
  refuses = true;
  server.closeAllConnections();
  await until(() => !source.isFollowed());
  refuses = false;
  await until(() => source.isFollowed());
});
