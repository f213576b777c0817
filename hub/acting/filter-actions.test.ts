import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Digest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { People, Person } from "../../model/people.ts";
import type { FilterPlan, Planner } from "../../model/plan.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { FILTER, type HubScene, startHub } from "../testing/scene.ts";

const ONE: Digest = `sha256:${"1".repeat(64)}`;
const TWO: Digest = `sha256:${"2".repeat(64)}`;

let scene: HubScene;
let stored: WasmFilter;
/** What the tag leads to; a failure: nobody can say. */
let tag: Result<Digest>;
let changes: number;
let keys: string[];

const person: Person = {
  name: "alice",
  groups: [],
  until: undefined,
  mayRead: async () => ok(true),
  may: async () => ok(true),
  async read({ namespace, name }) {
    keys.push(`${namespace}/${name}`);
    return ok(stored);
  },
  async patch(_key, _patch, { dryRun }) {
    if (!dryRun) changes += 1;
    return ok(stored);
  },
};
const people: People = { howTo: { text: "a token", example: "make one" }, find: async () => ok(person) };
const planner: Planner = {
  async plan() {
    if (!tag.ok) return tag;
    const after = { number: 2, image: "registry.example/add-header:1", digest: tag.value, wasmDigest: ONE };
    const plan: FilterPlan = { namespace: "shop", name: "add-header", action: "changed", object: [], revision: [], after };
    return ok({ filters: [plan] });
  },
};

beforeEach(async () => {
  stored = { ...FILTER, metadata: { ...FILTER.metadata, resourceVersion: "1", uid: "u" } };
  [tag, changes, keys] = [ok(ONE), 0, []];
  const applicants = { find: async () => fail("Unauthorized", "nobody") };
  scene = await startHub({}, { people, plans: { planner, applicants } });
});

afterEach(() => scene.hub.close());

const HEADERS = { authorization: "Bearer alice" };

async function fieldsAt(path: string): Promise<Record<string, string>> {
  const { status, body } = await scene.ask(path, { headers: HEADERS });
  assert.equal(status, 200);
  return Object.fromEntries([...body.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

async function send(path: string, fields: Record<string, string>) {
  const origin = `http://127.0.0.1:${scene.port}`;
  const headers = { ...HEADERS, origin, "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams({ ...fields, cause: "x" }).toString();
  const answer = await fetch(`${origin}${path}`, { method: "POST", body, headers, redirect: "manual" });
  return { status: answer.status, text: await answer.text() };
}

describe("an action by which a tag decides what proxies get", () => {
  for (const [action, spec] of [
    ["unpin", { digest: TWO }],
    ["unsuspend", { suspend: true }],
  ] as const)
    test(`${action} is done while the tag leads where the page showed, and not else`, async () => {
      stored = { ...stored, spec: { ...stored.spec, ...spec } };
      const path = `/filters/shop/add-header/act/${action}`;
      const fields = await fieldsAt(path);
      assert.equal(fields.expected, ONE);
      tag = ok(TWO);
      const moved = await send(path, fields);
      assert.equal(moved.status, 409);
      assert.ok(JSON.parse(moved.text).error.message.includes(`it leads to ${TWO} now; look at it again`), moved.text);
      tag = failForNow("Busy", "too many plans");
      assert.equal((await send(path, fields)).status, 503);
      assert.equal(changes, 0);
      tag = ok(ONE);
      assert.equal((await send(path, fields)).status, 303);
      assert.equal(changes, 1);
    });

  test("where nobody could say where it leads, the page promises nothing, and who insists is not stopped", async () => {
    stored = { ...stored, spec: { ...stored.spec, suspend: true } };
    tag = failForNow("Unavailable", "the registry is away");
    const fields = await fieldsAt("/filters/shop/add-header/act/unsuspend");
    assert.equal(fields.expected, undefined);
    assert.equal((await send("/filters/shop/add-header/act/unsuspend", fields)).status, 303);
  });

  test("an action that says itself what it will be waits for no plan", async () => {
    const fields = await fieldsAt(`/filters/shop/add-header/act/pin?to=${TWO}`);
    assert.equal(fields.expected, undefined);
    tag = failForNow("Unavailable", "the registry is away");
    assert.equal((await send("/filters/shop/add-header/act/pin", fields)).status, 303);
  });
});

test("what no filter can be called reaches no API", async () => {
  for (const path of ["%2E%2E/add-header", "shop/..%2F..%2Fpods%2Fx", "shop/a%3Fb", "Shop/add-header", `shop/${"a".repeat(254)}`]) {
    const { status } = await scene.ask(`/filters/${path}/act/suspend`, { headers: HEADERS });
    assert.equal(status, 404, path);
    assert.equal((await send(`/filters/${path}/act/suspend`, {})).status, 404, path);
  }
  assert.deepEqual(keys, []);
});
