import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiRequest, Fields } from "../../model/kube.ts";
import { silentLog } from "../../model/log.ts";
import type { Keychain } from "../../model/module.ts";
import { ok } from "../../model/result.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { failureOf } from "../testing/kube.ts";
import { createPullSecrets } from "./pull-secrets.ts";

const secret = (user: string) => ({ items: [{ data: { ".dockerconfigjson": Buffer.from(user).toString("base64") } }] });

function scene(answers: Record<string, Fields | number>) {
  const asked: string[] = [];
  const warned: unknown[] = [];
  const clock = createFakeClock();
  const request = async ({ path, query }: ApiRequest) => {
    const place = path.replace("/api/v1/namespaces/", "") + (query === undefined ? "" : `?${query.fieldSelector}`);
    asked.push(place);
    const answer = answers[place] ?? 404;
    return typeof answer === "number" ? ({ ok: false, error: failureOf(answer) } as const) : ok(answer);
  };
  const api = { server: "", request, watch: () => Promise.reject(new Error("nothing is watched")) };
  const parseKeychain = (user: string) => ok(new Map([["r.example", [{ username: user, password: "p" }]]]) as Keychain);
  const log = { ...silentLog, warn: (...told: unknown[]) => void warned.push(told) };
  const secrets = createPullSecrets({ api, account: "default", parseKeychain, clock, log });
  return { asked, warned, clock, keychain: (namespace: string) => secrets.keychainFor(namespace, "r.example/f:1"), answers };
}

test("the pull secrets of a namespace's ServiceAccount are taken in their order, each by its name; one that is missing is left out", async () => {
  const { keychain, asked, answers, clock } = scene({
    "shop/serviceaccounts/default": {
      imagePullSecrets: [{ name: "a" }, { name: "gone" }, { name: "b" }, { name: "a" }, {}, null, { name: 3 }],
    },
    "shop/secrets?metadata.name=a": secret("one"),
    "shop/secrets?metadata.name=b": secret("two"),
  });
  const implied = "those of ServiceAccount shop/default";
  const both = [
    { username: "one", password: "p", implied },
    { username: "two", password: "p", implied },
  ];
  assert.deepEqual([...(await keychain("shop"))], [["r.example", both]]);
  assert.deepEqual(asked, [
    "shop/serviceaccounts/default",
    "shop/secrets?metadata.name=a",
    "shop/secrets?metadata.name=gone",
    "shop/secrets?metadata.name=b",
  ]);
  assert.equal((await keychain("shop")).size + asked.length, 5, "not asked again at once");
  assert.deepEqual([...(await keychain("shop"))], [["r.example", both]], "what is held is said to be the ServiceAccount's too");
  answers["shop/serviceaccounts/default"] = { imagePullSecrets: [{ name: "b" }] };
  await clock.advance(10_000);
  assert.deepEqual([...(await keychain("shop"))], [["r.example", [both[1]]]]);
});

test("a ServiceAccount that is not there has none, and one that may not be read is told once", async () => {
  const { keychain, warned, clock } = scene({ "b/serviceaccounts/default": 403 });
  assert.equal((await keychain("a")).size, 0);
  assert.deepEqual(warned, []);
  for (let i = 0; i < 3; i++) {
    assert.equal((await keychain("b")).size, 0);
    await clock.advance(10_000);
  }
  assert.equal(warned.length, 1);
});
