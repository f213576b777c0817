import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdmissionRequest, AdmissionVerdict } from "../../model/admission.ts";
import { createFilterHandler } from "./filters.ts";
import { readReview } from "./review.ts";

const kind = { group: "weir.dev", version: "v1alpha1", kind: "WasmFilter" };
const object = { metadata: { name: "f", namespace: "shop" }, spec: { image: "r/i:1" } };

/** The answer to a question, what reached the judge, and what was counted. */
async function ask(request: object, verdict: Partial<AdmissionVerdict> = {}) {
  const judged: AdmissionRequest[] = [];
  const outcomes: string[] = [];
  const handler = createFilterHandler({
    path: "/",
    admission: {
      async judge(asked) {
        judged.push(asked);
        return { refusals: [], message: "", warnings: [], signatures: [], ...verdict };
      },
    },
    metrics: { reviewed: (outcome) => outcomes.push(outcome), start: () => (outcome) => void outcomes.push(outcome) },
  });
  const whole = { uid: "u-1", namespace: "shop", operation: "CREATE", kind, object, oldObject: null, dryRun: true, ...request };
  const asked = readReview(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: whole }));
  assert.ok(asked.ok);
  const { review, isRefusal, facts } = await handler.answer(asked.value);
  // biome-ignore lint/suspicious/noExplicitAny: a document of JSON
  return { response: (review as any).response, isRefusal, facts, judged, outcomes };
}

describe("a question about a WasmFilter", () => {
  test("is answered under its uid, with what should be known", async () => {
    const quiet = await ask({});
    assert.deepEqual(quiet.response, { uid: "u-1", allowed: true });
    assert.deepEqual(quiet.judged, [{ key: { namespace: "shop", name: "f" }, object, before: undefined }]);
    assert.deepEqual(quiet.outcomes, ["success", "allowed"]);
    const warned = await ask({ operation: "UPDATE", oldObject: object }, { warnings: ["mind"] });
    assert.deepEqual(warned.response, { uid: "u-1", allowed: true, warnings: ["mind"] });
    assert.deepEqual(warned.judged[0]?.before, object);
    assert.equal(warned.outcomes.at(-1), "warned");
  });

  test("notes who signed the image for the audit log of the API server, bounded and on one line", async () => {
    const signature = {
      by: "key 3f1c9a02d4b7",
      keyFrom: "Secret keys",
      demands: ["spec.verify[0]", "WasmPolicy base, images[0].verify[0]"],
    };
    const { response, outcomes } = await ask({}, { signatures: [signature, { by: "me\n@a", demands: ["x".repeat(9_000)] }] });
    const noted = response.auditAnnotations["signed-by"];
    const first = "signed by key 3f1c9a02d4b7 of Secret keys, as spec.verify[0] and WasmPolicy base, images[0].verify[0] ask for";
    assert.ok(noted.startsWith(`${first}; signed by me @a, as x`), noted);
    assert.equal(noted.length, 4_096);
    assert.deepEqual([response.allowed, response.warnings, outcomes.at(-1)], [true, undefined, "allowed"]);
  });

  test("is answered with every reason not to store it, bounded and on one line", async () => {
    const refusals = [{ path: "spec.image", message: "no" }];
    const { response, isRefusal, outcomes, facts } = await ask({}, { refusals, message: `a\n${"x".repeat(9_000)}`, warnings: ["mind"] });
    assert.deepEqual([response.allowed, response.status.code, response.warnings, isRefusal], [false, 422, ["mind"], true]);
    assert.match(response.status.message, /^a x{4093}…$/);
    assert.deepEqual(outcomes, ["failure", "refused"]);
    assert.equal(facts.filter, "shop/f");
  });

  test("about what is not to be judged is answered at once", async () => {
    for (const request of [
      { operation: "DELETE", object: null, oldObject: object },
      { operation: "CONNECT" },
      { subResource: "status", operation: "UPDATE" },
      { kind: { ...kind, kind: "WasmPolicy" } },
      { kind: { ...kind, group: "other.dev" } },
      {
        operation: "UPDATE",
        oldObject: object,
        object: { ...object, metadata: { ...object.metadata, deletionTimestamp: "2026-11-26T00:00:00Z" } },
      },
      { object: [] },
      { object: { metadata: 1 } },
    ]) {
      const { response, judged, outcomes } = await ask(request, { refusals: [{ path: "", message: "no" }] });
      assert.deepEqual([response, judged.length, outcomes], [{ uid: "u-1", allowed: true }, 0, ["unchanged"]], JSON.stringify(request));
    }
  });
});
