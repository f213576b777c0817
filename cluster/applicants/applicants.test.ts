import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fields } from "../../model/kube.ts";
import { silentLog } from "../../model/log.ts";
import type { Result } from "../../model/result.ts";
import { createFakeKube, failureOf } from "../testing/kube.ts";
import { createApplicants } from "./applicants.ts";

const clock = { now: () => 0, after: () => () => {} };

/** A token as an issuer would sign it, for the ends of these tests. */
function token({ aud = ["weir.dev"], exp = 1_000 }: { aud?: readonly string[]; exp?: number } = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `Bearer ${part({ alg: "none" })}.${part({ aud, exp })}.c2lnbmVk`;
}

function start() {
  const kube = createFakeKube();
  return { kube, applicants: createApplicants({ api: kube.api, audience: "weir.dev", clock, log: silentLog }) };
}

const user = { username: "system:serviceaccount:shop:ci", uid: "u1", groups: ["system:serviceaccounts"], extra: { why: ["x"], odd: "y" } };
const reviewed = (status: object = {}) => ({ status: { authenticated: true, audiences: ["weir.dev"], user, ...status } });
const why = (found: Result<unknown>) => (found.ok ? "allowed" : `${found.error.reason}${found.error.retryable ? " for now" : ""}`);
const specOf = ({ body }: { readonly body?: unknown }) => (body as { readonly spec: Fields }).spec;

test("a header without a token, a token for somebody else and one that has ended are refused without asking", async () => {
  const { kube, applicants } = start();
  const headers = [
    undefined,
    "",
    "Basic eA==",
    "Bearer",
    "Bearer x",
    "Bearer a.b.c",
    token({ aud: ["https://kubernetes.default.svc"] }),
    token({ exp: -1 }),
  ];
  for (const header of headers) assert.equal(why(await applicants.find(header, "127.0.0.1")), "Unauthorized", header);
  assert.equal(kube.count(), 0);
});

test("only what the API server vouches for counts: that it takes the token, for this audience, and whose it is", async () => {
  const { kube, applicants } = start();
  const answers = [
    {},
    { status: { authenticated: false } },
    reviewed({ audiences: undefined }),
    reviewed({ audiences: ["other"] }),
    reviewed({ user: {} }),
  ];
  for (const answer of answers) {
    const found = applicants.find(token(), "127.0.0.1");
    await kube.answer(answer);
    assert.equal(why(await found), "Unauthorized");
  }
  const found = applicants.find(token(), "127.0.0.1");
  await kube.answer(failureOf(403));
  assert.equal(why(await found), "Unavailable for now");
});

test("who may do it to all of a namespace is asked once; who may do it to one filter alone may to that one", async () => {
  const { kube, applicants } = start();
  const finding = applicants.find(token(), "127.0.0.1");
  await kube.answer(reviewed());
  const found = await finding;
  assert.ok(found.ok);
  const { id, mayApply } = found.value;
  assert.equal(id, user.username);
  const [no, yes] = [{ status: { allowed: false } }, { status: { allowed: true } }];
  const asks = async (name: string, exists: boolean, ...answers: readonly Fields[]) => {
    const allowed = mayApply({ kind: "WasmFilter", namespace: "shop", name }, exists);
    const asked: unknown[] = [];
    for (const answer of answers) {
      const { user: by, groups, extra, resourceAttributes } = specOf(await kube.answer(answer));
      assert.deepEqual([by, groups, extra], [user.username, user.groups, { why: ["x"], odd: [] }]);
      const { verb, name: of } = resourceAttributes as Fields;
      asked.push(`${verb} ${of ?? "*"}`);
    }
    return [why(await allowed), ...asked];
  };
  assert.deepEqual(await asks("new", false, yes), ["allowed", "create *"]);
  assert.deepEqual(await asks("other", false), ["allowed"]);
  assert.deepEqual(await asks("mine", true, yes, no, yes), ["allowed", "get *", "patch *", "patch mine"]);
  assert.deepEqual(await asks("theirs", true, no), ["Forbidden", "patch theirs"]);
  assert.deepEqual(await asks("denied", true, { status: { allowed: true, denied: true } }), ["Forbidden", "patch denied"]);
});

test("what rules filters takes rights of its own: on policies and namespaces of the cluster, in no namespace", async () => {
  const { kube, applicants } = start();
  const finding = applicants.find(token(), "127.0.0.1");
  await kube.answer(reviewed());
  const found = await finding;
  assert.ok(found.ok);
  const { mayApply } = found.value;
  const allowed = mayApply({ kind: "WasmPolicy", namespace: "", name: "base" }, false);
  const all = { verb: "create", group: "weir.dev", resource: "wasmpolicies" };
  assert.deepEqual(specOf(await kube.answer({ status: { allowed: false } })).resourceAttributes, all);
  assert.deepEqual(specOf(await kube.answer({ status: { allowed: false } })).resourceAttributes, { ...all, name: "base" });
  const refused = await allowed;
  assert.equal(why(refused), "Forbidden");
  assert.match(refused.ok ? "" : refused.error.message, /may not create WasmPolicy base; .* a ClusterRole/);
  const labels = mayApply({ kind: "Namespace", namespace: "", name: "shop" }, true);
  for (const verb of ["get", "patch"])
    assert.deepEqual(specOf(await kube.answer({ status: { allowed: true } })).resourceAttributes, {
      verb,
      group: "",
      resource: "namespaces",
    });
  assert.equal(why(await labels), "allowed");
});
