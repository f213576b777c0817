import assert from "node:assert/strict";
import { test } from "node:test";
import type { Result } from "../../model/result.ts";
import { createFakeKube, failureOf } from "../testing/kube.ts";
import { createPeople } from "./people.ts";

const KEY = { namespace: "shop", name: "add-header" };
const FILTER = { metadata: { ...KEY, resourceVersion: "7" }, spec: {} };
const WHO = { status: { userInfo: { username: "alice", groups: ["oncall", 1] } } };

function start() {
  const kube = createFakeKube();
  const tokens: string[] = [];
  const people = createPeople({
    as(token) {
      tokens.push(token);
      return kube.api;
    },
  });
  return { kube, people, tokens };
}

async function signedIn() {
  const scene = start();
  const finding = scene.people.find("a-token");
  await scene.kube.answer(WHO);
  const found = await finding;
  assert.ok(found.ok);
  return { ...scene, person: found.value };
}

const why = (result: Result<unknown>) => (result.ok ? "ok" : `${result.error.reason}${result.error.retryable ? " for now" : ""}`);

test("who somebody is, the API server says of their token; what is no name, and a server that is away, are told apart", async () => {
  const { person, tokens } = await signedIn();
  assert.deepEqual([person.name, person.groups, person.until, tokens], ["alice", ["oncall"], undefined, ["a-token"]]);
  const { kube, people } = start();
  for (const [answer, expected] of [
    [{}, "Unauthorized"],
    [failureOf(401), "Unauthorized"],
    [failureOf(404), "Unauthorized"],
    [failureOf(403), "Forbidden"],
    [failureOf(0), "Unavailable for now"],
    [failureOf(503), "Unavailable for now"],
  ] as const) {
    const finding = people.find("b-token");
    const { path } = await kube.answer(answer);
    assert.match(path, /selfsubjectreviews$/);
    const found = await finding;
    assert.equal(why(found), expected);
    assert.doesNotMatch(JSON.stringify(found), /b-token/);
  }
});

test("a token's own end is known where it says it", async () => {
  const { kube, people } = start();
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const finding = people.find(`${part({})}.${part({ aud: ["x"], exp: 1_000 })}.c2ln`);
  await kube.answer(WHO);
  const found = await finding;
  assert.equal(found.ok && found.value.until, 1_000_000);
});

test("what somebody may do is asked as they themselves; a denial wins", async () => {
  const { kube, person } = await signedIn();
  for (const [status, expected] of [
    [{ allowed: true }, true],
    [{ allowed: false }, false],
    [{ allowed: true, denied: true }, false],
    [undefined, false],
  ] as const) {
    const asking = person.may("patch", KEY);
    const { path, body } = await kube.answer({ status });
    assert.match(path, /selfsubjectaccessreviews$/);
    const { resourceAttributes } = (body as { readonly spec: { readonly resourceAttributes: unknown } }).spec;
    assert.deepEqual(resourceAttributes, { group: "weir.dev", resource: "wasmfilters", verb: "patch", ...KEY });
    const answer = await asking;
    assert.equal(answer.ok && answer.value, expected);
  }
});

test("a change is bound to the version that was read, names who made it, and fails in the API server's words", async () => {
  const { kube, person } = await signedIn();
  const patch = { digest: null, annotations: { "weir.dev/change-cause": "why" } };
  for (const dryRun of [true, false]) {
    const patching = person.patch(KEY, patch, { resourceVersion: "7", dryRun });
    const { method, path, query, contentType, body } = await kube.answer(FILTER);
    assert.deepEqual([method, contentType], ["PATCH", "application/merge-patch+json"]);
    assert.equal(path, "/apis/weir.dev/v1alpha1/namespaces/shop/wasmfilters/add-header");
    assert.deepEqual(query, { fieldManager: "weir-hub", ...(dryRun ? { dryRun: "All" } : {}) });
    assert.deepEqual(body, { metadata: { annotations: patch.annotations, resourceVersion: "7" }, spec: { digest: null } });
    assert.equal(why(await patching), "ok");
  }
  for (const [status, expected] of [
    [403, "Forbidden"],
    [404, "NotFound"],
    [409, "Conflict"],
    [422, "Invalid"],
    [500, "Unavailable for now"],
  ] as const) {
    const patching = person.patch(KEY, patch, { resourceVersion: "7", dryRun: false });
    await kube.answer(failureOf(status));
    const done = await patching;
    assert.equal(why(done), expected);
    assert.match(done.ok ? "" : done.error.message, new RegExp(`it answered ${status}`));
  }
});
