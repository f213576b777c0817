import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../../model/clock.ts";
import type { KubeApi } from "../../../model/kube.ts";
import { silentLog } from "../../../model/log.ts";
import { ok } from "../../../model/result.ts";
import { createReferences } from "./references.ts";

describe("Secrets and ConfigMaps of a cluster", () => {
  test("what nobody names and nobody read for ten minutes is watched no more; it is read anew when asked for", async () => {
    let watching = 0;
    let lists = 0;
    let now = 0;
    const api: KubeApi = {
      server: "https://test",
      async request({ query }) {
        lists++;
        const name = String(query?.fieldSelector).replace("metadata.name=", "");
        const item = {
          metadata: { name, uid: name, resourceVersion: "1" },
          data: { k: Buffer.from(`${name}${lists}`).toString("base64") },
        };
        return ok({ kind: "SecretList", metadata: { resourceVersion: "1" }, items: [item] });
      },
      async watch({ signal }) {
        watching++;
        await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
        watching--;
        return ok(undefined);
      },
    };
    const clock = { ...systemClock, now: () => now };
    const references = createReferences({ api, clock, log: silentLog, random: Math.random, onChange: () => {} });
    const read = async (name: string) => {
      const data = await references.read("secret", "shop", name);
      return data.ok ? data.value.data.get("k")?.toString() : data.error.reason;
    };
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    assert.equal(await read("named"), "named1");
    assert.equal(await read("other"), "other2");
    assert.equal(await read("other"), "other2");
    await turn();
    assert.equal(watching, 2);
    now += 9 * 60_000;
    references.expire((id) => id === "secret/shop/named");
    await turn();
    assert.equal(watching, 2);
    now += 2 * 60_000;
    references.expire((id) => id === "secret/shop/named");
    await turn();
    assert.equal(watching, 1);
    assert.equal(await read("named"), "named1");
    const once = async (name: string) => {
      const data = await references.read("secret", "shop", name, { once: true });
      return data.ok && data.value.data.get("k")?.toString();
    };
    assert.deepEqual([await once("named"), await once("other"), await once("other")], ["named1", "other3", "other4"]);
    await turn();
    assert.equal(watching, 1);
    assert.equal(await read("other"), "other5");
    await references.stop();
    assert.equal(watching, 0);
  });

  test("an API server that does not answer is a failure that may pass, after the patience is over", async () => {
    const never = new Promise<never>(() => {});
    const abortable = (signal: AbortSignal | undefined) =>
      Promise.race([never, new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()))]);
    const api: KubeApi = {
      server: "https://test",
      async request({ signal }) {
        await abortable(signal);
        return { ok: false, error: { status: 0, reason: "ApiServerUnreachable", message: "stopped", retryable: true } };
      },
      watch: () => never,
    };
    const references = createReferences({
      api,
      clock: systemClock,
      log: silentLog,
      random: Math.random,
      onChange: () => {},
      timeoutMs: 20,
    });
    const data = await references.read("configmap", "shop", "c");
    assert.ok(!data.ok && data.error.retryable && data.error.reason === "ApiServerUnreachable");
    await references.stop();
  });
});
