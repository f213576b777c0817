import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fail, ok } from "../../model/result.ts";
import { namespaceView } from "../injection/index.ts";
import { answerTo } from "./pods.ts";
import { readReview } from "./review.ts";

const settings = {
  proxyImage: { image: "e:1" },
  xds: { host: "weir", port: 1 },
  ca: "CA",
  ownNamespace: undefined,
  ipv6: false,
  render: () => ({ bootstrap: "B", files: {} }),
};
const pod = { metadata: { generateName: "web-" }, spec: { containers: [{ name: "a", ports: [{ containerPort: 80 }] }] } };
const kind = { group: "", version: "v1", kind: "Pod" };

function review(request: object = {}, more: object = {}): string {
  const whole = { uid: "u-1", namespace: "shop", operation: "CREATE", kind, object: pod, ...request };
  return JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: whole, ...more });
}

function answer(
  request: object = {},
  view = ok(namespaceView("shop", { metadata: { labels: { "weir.dev/inject": "true" } } })) as Parameters<typeof answerTo>[1],
) {
  const asked = readReview(review(request));
  assert(asked.ok);
  const { review: body, outcome } = answerTo(asked.value, view, settings);
  // biome-ignore lint/suspicious/noExplicitAny: a document of JSON
  return { outcome, ...(body as any).response };
}

describe("a question about a new pod", () => {
  test("is answered with a patch and warnings, under its own uid", () => {
    const { uid, allowed, outcome, patchType, patch, warnings } = answer();
    assert.deepEqual([uid, allowed, outcome, patchType], ["u-1", true, "injected", "JSONPatch"]);
    const operations = JSON.parse(Buffer.from(patch, "base64").toString());
    assert.deepEqual(
      operations.map(({ op, path }: { op: string; path: string }) => `${op} ${path}`),
      ["add /metadata/labels", "add /metadata/annotations", "add /spec/initContainers", "add /spec/volumes"],
    );
    assert.match(warnings.join(), /port 80 without filters/);
  });

  test("is answered without a patch when nothing is to be done", () => {
    for (const request of [
      { operation: "UPDATE" },
      { kind: { ...kind, kind: "Binding" } },
      { kind: { ...kind, group: "apps" } },
      { subResource: "exec" },
    ])
      assert.deepEqual(answer(request), { uid: "u-1", allowed: true, outcome: "unchanged" });
    const mine = { ...pod, metadata: { labels: { "weir.dev/inject": "false" } } };
    assert.deepEqual(answer({ object: mine }), { uid: "u-1", allowed: true, outcome: "unchanged" });
  });

  test("is answered with a refusal in words: of the annotation, the pod, or the namespace", () => {
    const annotated = { ...pod, metadata: { annotations: { "weir.dev/slots": "A" } } };
    assert.match(answer({ object: annotated }).status.message, /annotation weir\.dev\/slots takes/);
    assert.match(answer({ object: { spec: 1 } }).status.message, /the pod cannot be read/);
    const unknown = answer({}, fail("NamespaceUnknown", "Weir cannot read the namespace shop"));
    assert.deepEqual([unknown.allowed, unknown.status], [false, { code: 500, message: "Weir cannot read the namespace shop" }]);
  });

  test("that no API server asks is told apart", () => {
    const bad: [string, RegExp][] = [
      ["", /not JSON/],
      ["[]", /no AdmissionReview/],
      [`{"request":${"[".repeat(500_000)}${"]".repeat(500_000)}}`, /nested deeper than 128 levels/],
      [review({}, { kind: "Pod" }), /no AdmissionReview/],
      [review({}, { apiVersion: "admission.k8s.io/v1beta1" }), /apiVersion/],
      [review({}, { request: null }), /request\.uid/],
      [review({ uid: "a b" }), /request\.uid/],
      [review({ namespace: "../nodes" }), /request\.namespace/],
      [review({ namespace: undefined }), /request\.namespace/],
    ];
    for (const [body, words] of bad) {
      const asked = readReview(body);
      assert.match(asked.ok ? "" : asked.error.message, words, body.slice(0, 200));
      assert.match(asked.ok ? "" : asked.error.message, /this address is for the API server/);
    }
  });
});
