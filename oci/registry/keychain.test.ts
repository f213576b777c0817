import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCredentials, mergeKeychains, parseDockerConfig } from "./keychain.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

function keychain(auths: Record<string, unknown>) {
  const result = parseDockerConfig(JSON.stringify({ auths }));
  assert.ok(result.ok, result.ok ? "" : result.error.message);
  return result.value;
}

describe("what a docker config holds", () => {
  test("reads username and password, and the base64 `auth` with colons in the password", () => {
    const keys = keychain({ "a.example": { username: "u", password: "p" }, "b.example:5000": { auth: base64("user:pa:ss") } });
    assert.deepEqual(keys.get("a.example"), { username: "u", password: "p" });
    assert.deepEqual(keys.get("b.example:5000"), { username: "user", password: "pa:ss" });
  });

  test("Docker Hub's historic URL and other URL keys become plain hosts", () => {
    const keys = keychain({
      "https://index.docker.io/v1/": { auth: base64("hub:1") },
      "https://R.example/v2/": { auth: base64("r:1") },
      "http://localhost:5000": { auth: base64("l:1") },
    });
    assert.deepEqual([...keys.keys()], ["docker.io", "r.example", "localhost:5000"]);
  });
});

describe("findCredentials", () => {
  test("the longest matching path wins, then the host, then a wildcard host", () => {
    const keys = keychain({
      "gcr.io": { auth: base64("host:1") },
      "gcr.io/team": { auth: base64("team:1") },
      "*.azurecr.example": { auth: base64("wild:1") },
    });
    assert.equal(findCredentials(keys, "gcr.io", "team/filter")?.username, "team");
    assert.equal(findCredentials(keys, "gcr.io", "teams/filter")?.username, "host");
    assert.equal(findCredentials(keys, "x.azurecr.example", "a")?.username, "wild");
    assert.equal(findCredentials(keys, "x.y.azurecr.example", "a"), undefined);
    assert.equal(findCredentials(keys, "evil-gcr.io", "team/filter"), undefined);
  });
});

describe("odd entries", () => {
  test("an identity token is kept as Docker's credential helpers hand it out", () => {
    const keys = keychain({ "a.example": { auth: base64("00000000-0000-0000-0000-000000000000:"), identitytoken: "refresh" } });
    assert.deepEqual(keys.get("a.example"), { username: "<token>", password: "refresh" });
  });

  test("an empty entry, as credential helpers leave it, holds no credentials", () => {
    assert.equal(keychain({ "a.example": {} }).size, 0);
    const helpers = parseDockerConfig('{"credsStore":"desktop"}');
    assert.ok(helpers.ok && helpers.value.size === 0);
  });
});

describe("mergeKeychains", () => {
  test("the first keychain wins when several name a server", () => {
    const merged = mergeKeychains([
      keychain({ a: { auth: base64("one:1") } }),
      keychain({ a: { auth: base64("two:2") }, b: { auth: base64("b:3") } }),
    ]);
    assert.equal(merged.get("a")?.username, "one");
    assert.equal(merged.get("b")?.username, "b");
  });
});

describe("configs that are refused", () => {
  for (const [what, text] of [
    ["text that is not JSON", `{"auths": hunter2`],
    ["an auths that is no object", `{"auths":["hunter2"]}`],
    ["an entry that is no object", `{"auths":{"a":"hunter2"}}`],
    ["an auth that is not user:password", `{"auths":{"a":{"auth":"${base64("hunter2")}"}}}`],
    ["a document of another kind", `"hunter2"`],
  ] as const) {
    test(`refuses ${what} without quoting the secret`, () => {
      const result = parseDockerConfig(text);
      assert.ok(!result.ok);
      assert.equal(result.error.reason, "InvalidPullSecret");
      assert.ok(!result.error.message.includes("hunter2") && !result.error.message.includes(base64("hunter2")), result.error.message);
    });
  }
});
