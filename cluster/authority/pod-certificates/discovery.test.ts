import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeKube, failureOf } from "../../testing/kube.ts";
import { findPodCertificates } from "./discovery.ts";

const BOTH = { resources: [{ name: "podcertificaterequests" }, { name: "clustertrustbundles" }] };

test("pod certificates are there in the newest version that has them, and not in versions that Weir does not know", async () => {
  const kube = createFakeKube();
  const found = findPodCertificates(kube.api);
  const asked = [await kube.answer({ resources: [{ name: "clustertrustbundles" }] }), await kube.answer(BOTH)];
  const [bundles, requests] = ["certificates.k8s.io/v1", "certificates.k8s.io/v1beta1"];
  assert.deepEqual(
    asked.map(({ path }) => path),
    [`/apis/${bundles}`, `/apis/${requests}`],
  );
  assert.deepEqual(await found, { ok: true, value: { requests, bundles } });

  const none = findPodCertificates(kube.api);
  for (const _ of [1, 2]) await kube.answer(failureOf(404));
  assert.deepEqual(await none, { ok: true, value: undefined });
  assert.equal(kube.count(), 4);
});

test("a cluster that cannot be asked is a failure with its status", async () => {
  const kube = createFakeKube();
  const found = findPodCertificates(kube.api);
  await kube.answer(failureOf(403));
  assert.deepEqual(await found, {
    ok: false,
    error: { reason: "Discovery", message: "certificates.k8s.io/v1 cannot be discovered: it answered 403", retryable: true, status: 403 },
  });
});
