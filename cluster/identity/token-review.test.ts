import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mismatch, readReview, reviewRequest } from "./token-review.ts";

const NOW = 1_000_000;
const claims = { audiences: ["weir.dev"], until: NOW + 1 };
const good = {
  authenticated: true,
  audiences: ["weir.dev"],
  user: {
    username: "system:serviceaccount:shop:web",
    extra: { "authentication.kubernetes.io/pod-name": ["web-1"], "authentication.kubernetes.io/pod-uid": ["u-1"] },
  },
};
const words = (status: unknown, until = claims.until) => {
  const read = readReview({ status }, "weir.dev", { ...claims, until }, NOW);
  return read.ok ? read.value : read.error.message;
};

describe("a review of a token", () => {
  test("names the pod that it was made for, until its end", () => {
    assert.deepEqual(words(good), { namespace: "shop", name: "web-1", uid: "u-1" });
    assert.deepEqual(reviewRequest("t", "weir.dev").body, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token: "t", audiences: ["weir.dev"] },
    });
  });

  for (const [what, status, why] of [
    ["no status", undefined, /does not take the token: it is not one of this cluster/],
    ["no authentication", { ...good, authenticated: false, error: "token eyJ is bad" }, /does not take the token/],
    ["a word for true", { ...good, authenticated: "true" }, /does not take the token/],
    ["no audiences", { ...good, audiences: undefined }, /did not say that the token is for the audience weir.dev/],
    ["other audiences", { ...good, audiences: ["vault"] }, /did not say/],
    ["a person", { ...good, user: { ...good.user, username: "admin" } }, /is no ServiceAccount's/],
    ["a node", { ...good, user: { ...good.user, username: "system:node:a" } }, /is no ServiceAccount's/],
    [
      "a namespace that cannot be",
      { ...good, user: { ...good.user, username: "system:serviceaccount:a/b:web" } },
      /is no ServiceAccount's/,
    ],
    ["no pod", { ...good, user: { username: good.user.username } }, /bound to no pod/],
    [
      "two pods",
      { ...good, user: { ...good.user, extra: { ...good.user.extra, "authentication.kubernetes.io/pod-name": ["a", "b"] } } },
      /bound to no pod/,
    ],
    [
      "a name that cannot be",
      { ...good, user: { ...good.user, extra: { ...good.user.extra, "authentication.kubernetes.io/pod-name": ["a/../b"] } } },
      /bound to no pod/,
    ],
  ] as const) {
    test(`with ${what} lets nobody in, and nothing of the API server's words is shown`, () => {
      assert.match(String(words(status)), why);
      assert.doesNotMatch(String(words(status)), /eyJ/);
    });
  }

  test("of a token that has ended says when, whatever the API server says: it gives a minute of grace", () => {
    const why = /the token ended at 1970-01-01T00:16:40.000Z, and it is 1970-01-01T00:16:40.000Z here/;
    assert.match(String(words(good, NOW)), why);
    assert.match(String(words({ authenticated: false }, NOW)), why);
  });

  test("is not asked for a token of another audience", () => {
    assert.equal(mismatch({ ...claims, audiences: ["a", "weir.dev"] }, "weir.dev"), undefined);
    assert.match(mismatch({ ...claims, audiences: ["vault"] }, "weir.dev") ?? "", /another audience, .* weir.dev/);
  });
});
