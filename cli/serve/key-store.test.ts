import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeApi } from "../../model/kube.ts";
import { silentLog } from "../../model/log.ts";
import { openKeyStore } from "./key-store.ts";

const options = { dataDir: "/nowhere", log: silentLog };

/** An API server that answers with these, one after the other. */
function createFakeApi(answers: Awaited<ReturnType<KubeApi["request"]>>[]): KubeApi {
  return {
    server: "https://127.0.0.1:1",
    request: async () => answers.shift() ?? assert.fail("asked once more"),
    watch: async () => assert.fail("nothing is watched at the start"),
  };
}

const away = { ok: false, error: { status: 0, reason: "ApiServerUnreachable", message: "away", retryable: true } } as const;

test("an API server that is away is waited for, with one line in the log", async () => {
  const key = Buffer.alloc(32, 1);
  const api = createFakeApi([
    away,
    away,
    { ok: true, value: { metadata: { resourceVersion: "1" }, data: { key: key.toString("base64") } } },
  ]);
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string, facts = {}) => void warnings.push(`${message} ${JSON.stringify(facts)}`) };
  const follow = () => assert.fail("nothing is followed at the start");
  const store = openKeyStore("secret", { ...options, log, cluster: { api, follow }, namespace: "weir-system" });
  assert.ok(store.ok);
  assert.deepEqual(await store.value.privateKey(), { ok: true, value: key });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /the start waits for the API server .*secrets weir-system\/weir-private-key: away/);
});

test("Secrets need a cluster and a namespace", () => {
  const cluster = { api: createFakeApi([]), follow: () => assert.fail() };
  for (const [missing, words] of [
    [{ cluster: undefined, namespace: "weir-system" }, /--key-store secret needs a cluster; leave --filters out/],
    [{ cluster, namespace: undefined }, /--key-store secret needs --own-namespace/],
  ] as const) {
    const store = openKeyStore("secret", { ...options, ...missing });
    assert.match(store.ok ? "" : store.error.message, words);
  }
});
