import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startCpuTime } from "../../base/cpu-time.ts";
import { type Keychain, type KeychainEntry, mergeKeychains } from "../../model/module.ts";
import { valued } from "../testing/result.ts";
import { matchingEntries, parseDockerConfig } from "./keychain.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const keychain = (auths: Record<string, unknown>) => valued(parseDockerConfig(JSON.stringify({ auths }), "Secret shop/regcred"));
const user = (entry: KeychainEntry) => ("problem" in entry ? entry.problem : entry.username);
const users = (keys: Keychain, registry: string, repository: string) => matchingEntries(keys, registry, repository).map(user);

describe("what a docker config holds", () => {
  test("reads username and password, and the base64 `auth` with colons in the password", () => {
    const keys = keychain({
      "a.example": { username: "u", password: "p" },
      "b.example:5000": { auth: base64("user:pa:ss") },
      "c.example": { auth: base64("user:p\0\0") },
    });
    assert.deepEqual(keys.get("a.example"), [{ username: "u", password: "p" }]);
    assert.deepEqual(keys.get("b.example:5000"), [{ username: "user", password: "pa:ss" }]);
    assert.deepEqual(keys.get("c.example"), [{ username: "user", password: "p" }]);
  });

  test("`auth` wins over username and password, as for the kubelet", () => {
    const keys = keychain({ "a.example": { username: "old", password: "old", auth: base64("new:new") } });
    assert.deepEqual(keys.get("a.example"), [{ username: "new", password: "new" }]);
  });

  test("Docker Hub's historic URL and other URL keys become plain hosts", () => {
    const keys = keychain({
      "https://index.docker.io/v1/": { auth: base64("hub:1") },
      "https://R.example/v2/": { auth: base64("r:1") },
      "http://localhost:5000": { auth: base64("l:1") },
      "r.example/v2/team/": { auth: base64("team:1") },
    });
    assert.deepEqual([...keys.keys()], ["docker.io", "r.example", "localhost:5000", "r.example/team"]);
  });

  test("keys that mean one server are all kept, in order", () => {
    const keys = keychain({ "https://a.example": { auth: base64("one:1") }, "a.example": { auth: base64("two:2") } });
    assert.deepEqual(users(keys, "a.example", "x"), ["one", "two"]);
  });

  test("a document made to be slow is not: many names of one server, or a name of many slashes", () => {
    const server = "abcdefghijklmnop.x";
    const spelling = (number: number) => [...server].map((letter, at) => ((number >> at) & 1 ? letter.toUpperCase() : letter)).join("");
    const auth = base64("u:p");
    const taken = startCpuTime();
    const keys = keychain(Object.fromEntries(Array.from({ length: 20_000 }, (_, number) => [spelling(number), { auth }])));
    assert.equal(keys.get(server)?.length, 20_000);
    const slashes = `r.example${"/".repeat(200_000)}x`;
    assert.deepEqual([...keychain({ [slashes]: { auth }, "s.example///": { auth } }).keys()], [slashes, "s.example"]);
    assert.ok(taken() < 2_000);
  });
});

describe("what is tried for a repository", () => {
  test("the longest matching path comes first, then the host, then globs", () => {
    const keys = keychain({
      "*.io": { auth: base64("glob:1") },
      "gcr.io": { auth: base64("host:1") },
      "gcr.io/team/sub": { auth: base64("sub:1") },
      "gcr.io/team": { auth: base64("team:1") },
    });
    assert.deepEqual(users(keys, "gcr.io", "team/filter"), ["team", "host", "glob"]);
    assert.deepEqual(users(keys, "gcr.io", "team/sub/filter"), ["sub", "team", "host", "glob"]);
    assert.deepEqual(users(keys, "gcr.io", "teams/filter"), ["host", "glob"]);
    assert.deepEqual(users(keys, "GCR.io", "team"), ["team", "host", "glob"]);
    assert.deepEqual(users(keys, "evil-gcr.io", "team/filter"), ["glob"]);
    assert.deepEqual(users(keys, "gcr.io:5000", "team/filter"), []);
  });

  for (const [glob, matches, not] of [
    ["*.azurecr.example", ["x.azurecr.example/a"], ["x.y.azurecr.example/a", "azurecr.example/a", "x.azurecr.example:5000/a"]],
    ["sub*.azurecr.example", ["sub1.azurecr.example/a", "sub.azurecr.example/a"], ["x.azurecr.example/a"]],
    ["*-registry.example:5000", ["my-registry.example:5000/a"], ["my-registry.example/a"]],
    ["*.registry.example/team", ["a.registry.example/team/x"], ["a.registry.example/teams/x"]],
    ["r?.example", ["r1.example/a"], ["r.example/a", "r12.example/a"]],
    ["r[0-9a].example", ["r1.example/a", "ra.example/a"], ["rb.example/a"]],
    ["r[^0-9].example", ["rb.example/a"], ["r1.example/a"]],
    ["*.*.example", ["a.b.example/x"], ["a.example/x"]],
    ["r[.example", [], ["r[.example/a", "r.example/a"]],
    ["a*b*c.example", ["aXbYc.example/a".toLowerCase(), "abbc.example/a"], ["acb.example/a"]],
  ] as const) {
    test(`the glob ${glob} matches as the kubelet's`, () => {
      const keys = keychain({ [glob]: { auth: base64("glob:1") } });
      for (const name of matches) assert.deepEqual(users(keys, ...split(name)), ["glob"], name);
      for (const name of not.filter((each) => !each.startsWith("r[."))) assert.deepEqual(users(keys, ...split(name)), [], name);
    });
  }

  test("a glob made to be slow is not, and no more than 16 entries are tried", () => {
    const keys = keychain({ [`${"*a".repeat(5_000)}b.example`]: { auth: base64("slow:1") } });
    const taken = startCpuTime();
    assert.deepEqual(users(keys, `${"a".repeat(200)}.example`, "x"), []);
    assert.ok(taken() < 1_000);
    const many = Array.from({ length: 30 }, (_, i) => keychain({ "a.example": { auth: base64(`u${i}:1`) } }));
    assert.equal(matchingEntries(mergeKeychains(many), "a.example", "x").length, 16);
  });
});

function split(name: string): readonly [string, string] {
  const slash = name.indexOf("/");
  return [name.slice(0, slash), name.slice(slash + 1)];
}

test("a registry is the same in every spelling", () => {
  const keys = keychain({
    "a.example": { auth: base64("a:1") },
    "B.example:443": { auth: base64("b:1") },
    "*.c.example:443": { auth: base64("c:1") },
  });
  for (const name of ["a.example", "A.Example", "a.example:443"]) assert.deepEqual(users(keys, name, "x"), ["a"], name);
  for (const name of ["b.example", "b.example:443"]) assert.deepEqual(users(keys, name, "x"), ["b"], name);
  for (const name of ["r.c.example", "R.c.example:443"]) assert.deepEqual(users(keys, name, "x"), ["c"], name);
  for (const name of ["a.example:5000", "b.example:4430", "r.c.example:80"]) assert.deepEqual(users(keys, name, "x"), [], name);
});

describe("odd entries", () => {
  test("an identity token is kept as Docker's credential helpers hand it out", () => {
    const keys = keychain({ "a.example": { auth: base64("00000000-0000-0000-0000-000000000000:"), identitytoken: "refresh" } });
    assert.deepEqual(keys.get("a.example"), [{ username: "<token>", password: "refresh" }]);
  });

  test("an empty entry, as credential helpers leave it, holds no credentials", () => {
    assert.equal(keychain({ "a.example": {} }).size, 0);
    assert.equal(valued(parseDockerConfig('{"credsStore":"desktop"}')).size, 0);
  });

  test("a broken entry spoils itself only, and is named where it would have been used", () => {
    for (const broken of [null, [], "hunter2", { auth: "hunter2" }, { auth: "!!!" }, { auth: base64("hunter2") }, { auth: base64(":x") }]) {
      const keys = keychain({
        "good.example": { auth: base64("good:1") },
        "bad.example": broken,
        "bad.example/team": { auth: base64("team:1") },
      });
      assert.deepEqual(users(keys, "good.example", "team/a"), ["good"]);
      const [first, second] = users(keys, "bad.example", "team/a");
      assert.equal(first, "team");
      assert.match(
        second ?? "",
        /^entry 2 of `auths` of Secret shop\/regcred (is not an object|has an `auth` that is not base64 of username:password)$/,
      );
    }
  });
});

describe("mergeKeychains", () => {
  test("entries of all keychains are tried, in their order", () => {
    const merged = mergeKeychains([
      keychain({ a: { auth: base64("one:1") } }),
      keychain({ a: { auth: base64("two:2") }, b: { auth: base64("b:3") } }),
    ]);
    assert.deepEqual(users(merged, "a", "x"), ["one", "two"]);
    assert.deepEqual(users(merged, "b", "x"), ["b"]);
  });
});

describe("configs that are refused", () => {
  for (const [what, text] of [
    ["text that is not JSON", `{"auths": hunter2`],
    ["an auths that is no object", `{"auths":["hunter2"]}`],
    ["one that has no entry that can be read", `{"auths":{"a":"hunter2","hunter2":{"auth":"${base64("hunter2")}"}}}`],
    ["a document of another kind", `"hunter2"`],
    ["one that is too large", `{"hunter2": "${"x".repeat(1 << 20)}"}`],
  ] as const) {
    test(`refuses ${what} without quoting the secret`, () => {
      const result = parseDockerConfig(text);
      assert.ok(!result.ok);
      assert.equal(result.error.reason, "InvalidPullSecret");
      assert.ok(!result.error.message.includes("hunter2") && !result.error.message.includes(base64("hunter2")), result.error.message);
    });
  }
});
