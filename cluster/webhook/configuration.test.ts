import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { ApiRequest, KubeApi, KubeObject, ReflectorOptions } from "../../model/kube.ts";
import { type Log, silentLog } from "../../model/log.ts";
import { ok } from "../../model/result.ts";
import { keepConfiguration, patchFor } from "./configuration.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

function configuration(...bundles: readonly (string | undefined)[]): KubeObject {
  const webhooks = bundles.map((caBundle, index) => ({ name: `w${index}`, clientConfig: caBundle === undefined ? {} : { caBundle } }));
  return { metadata: { name: "weir", uid: "u", resourceVersion: "1" }, webhooks };
}

/** The keeper with an API server that answers as told; `patches` are the requests that reached it. */
function start() {
  let current = "one";
  let listener = () => {};
  let reflector: ReflectorOptions | undefined;
  let refusal: { status: number; message: string } | undefined;
  const patches: ApiRequest[] = [];
  const lines: string[] = [];
  const timers: (() => void)[] = [];
  const api: KubeApi = {
    server: "",
    async request(request) {
      patches.push(request);
      return refusal === undefined ? ok({}) : { ok: false, error: { reason: "X", retryable: false, ...refusal } };
    },
    watch: async () => ok(undefined),
  };
  const write = (message: string, facts?: object) => void lines.push(`${message} ${JSON.stringify(facts)}`);
  const log: Log = { ...silentLog, info: write, error: write };
  const stop = keepConfiguration({
    ...{ api, log, random: () => 0 },
    configuration: {
      ...{ kind: "MutatingWebhookConfiguration", name: "weir" },
      ...{ otherwise: "no pod can be injected", flag: "--webhook-configuration" },
    },
    follow(options) {
      reflector = options;
      return { listed: Promise.resolve(), stop: async () => {} };
    },
    bundle: {
      current: () => current,
      onChange(added) {
        listener = added;
        return () => {};
      },
    },
    clock: {
      now: () => 0,
      after(_, run) {
        timers.push(run);
        return () => {};
      },
    },
  });
  return {
    ...{ patches, lines, stop },
    async list(...objects: KubeObject[]) {
      reflector?.onList(objects);
      await setImmediate();
    },
    async trouble(failure: Parameters<ReflectorOptions["onTrouble"]>[0]) {
      reflector?.onTrouble(failure);
    },
    async rotate(bundle: string) {
      current = bundle;
      listener();
      await setImmediate();
    },
    refuse(status: number, message: string) {
      refusal = { status, message };
    },
    async retry() {
      refusal = undefined;
      timers.shift()?.();
      await setImmediate();
    },
  };
}

describe("the authorities in the webhook configuration", () => {
  test("are written where they differ, and only there", async () => {
    assert.deepEqual(patchFor(configuration(base64("one"), undefined, "b2xk"), "one"), [
      { op: "test", path: "/webhooks/1/name", value: "w1" },
      { op: "add", path: "/webhooks/1/clientConfig/caBundle", value: base64("one") },
      { op: "test", path: "/webhooks/2/name", value: "w2" },
      { op: "add", path: "/webhooks/2/clientConfig/caBundle", value: base64("one") },
    ]);
    const { patches, list } = start();
    await list(configuration(base64("one")));
    assert.equal(patches.length, 0);
    await list(configuration(undefined));
    assert.deepEqual(
      patches.map(({ method, path, contentType }) => [method, path, contentType]),
      [["PATCH", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/weir", "application/json-patch+json"]],
    );
  });

  test("come with the path that Weir says, of a Service or an address", () => {
    const client = { caBundle: base64("one") };
    const webhooks = [
      { name: "a", clientConfig: { ...client, service: { name: "weir" } } },
      { name: "b", clientConfig: { ...client, service: { name: "weir", path: "/review/x" } } },
      { name: "c", clientConfig: { ...client, url: "https://127.0.0.1:1/other" } },
      { name: "d", clientConfig: { ...client, url: "https://127.0.0.1:1/review/x" } },
    ];
    assert.deepEqual(patchFor({ ...configuration(), webhooks }, "one", "/review/x"), [
      { op: "test", path: "/webhooks/0/name", value: "a" },
      { op: "add", path: "/webhooks/0/clientConfig/service/path", value: "/review/x" },
      { op: "test", path: "/webhooks/2/name", value: "c" },
      { op: "add", path: "/webhooks/2/clientConfig/url", value: "https://127.0.0.1:1/review/x" },
    ]);
  });

  test("follow a rotation", async () => {
    const { patches, list, rotate } = start();
    await list(configuration(base64("one")));
    await rotate("one\ntwo");
    assert.match(JSON.stringify(patches[0]?.body), new RegExp(base64("one\ntwo")));
  });

  test("that may not be written are told once, with the right that is missing, and tried again", async () => {
    const { patches, lines, list, refuse, retry, trouble } = start();
    refuse(403, "no");
    await list(configuration(undefined));
    await list(configuration(undefined));
    assert.equal(patches.length, 2);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /no pod can be injected .*may not patch mutatingwebhookconfigurations\/weir; grant it/);
    await retry();
    assert.equal(patches.length, 3);
    assert.match(lines.at(-1) ?? "", /kept current again/);
    await trouble({ reason: "X", retryable: false, status: 403, message: "no" });
    assert.match(lines.at(-1) ?? "", /may not watch mutatingwebhookconfigurations/);
  });

  test("have no place without a configuration, and that is told", async () => {
    const { patches, lines, list, stop } = start();
    await list();
    assert.equal(patches.length, 0);
    assert.match(lines[0] ?? "", /there is none; make it as the chart does/);
    await stop();
  });
});
