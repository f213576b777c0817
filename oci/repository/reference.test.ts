import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { openReference } from "../open.ts";
import { failed, valued } from "../testing/result.ts";
import { canonicalRepository, formatReference, type LocalReference, parseReference } from "./reference.ts";

const DIGEST = `sha256:${"a1".repeat(32)}` as const;

function parsed(text: string) {
  const result = parseReference(text);
  assert.ok(result.ok, result.ok ? "" : result.error.message);
  return result.value;
}

const refused: readonly [string, RegExp][] = [
  ["", /empty/],
  ["ghcr.io/a b:1", /white space/],
  ["oci://ghcr.io/a/b:1", /leave out oci:\/\//],
  ["https://ghcr.io/a/b.wasm", /use `url` with `sha256`/],
  ["ghcr.io/Upper/case:1", /lower case/],
  ["ghcr.io/a/b:", /"" is not a tag/],
  ["ghcr.io/a/b:-x", /"-x" is not a tag/],
  ["ghcr.io:99999/a/b:1", /is not a host/],
  ["ghcr.1/a/b:1", /is not a host/],
  ["[:::]/a/b:1", /is not a host/],
  ["ghcr.io\r\nHost: x/a/b:1", /control characters/],
  ["user:pw@ghcr.io/a/b:1", /after @ comes a digest/],
  ["ghcr.io/:1", /repository is missing/],
  ["ghcr.io/a/../b:1", /is not a repository/],
  ["ghcr.io/a//b:1", /is not a repository/],
  ["ghcr.io/a/b@sha256:abc", /64 lower-case hex digits/],
  [`ghcr.io/a/b@sha512:${"a".repeat(128)}`, /sha256: and 64/],
  ["oci-layout:", /needs a folder/],
  ["oci-layout:images", /needs a tag or a digest/],
  ["oci-layout:./x:y/images", /needs a tag or a digest/],
  [`ghcr.io/${"a".repeat(300)}:1`, /longer than 255/],
  ["a".repeat(5000), /longer than 4096/],
];

describe("registry references", () => {
  test("a registry reference has registry, repository and tag", () => {
    assert.deepEqual(parsed("registry.example:5000/filters/add-header:1.2"), {
      kind: "registry",
      registry: "registry.example:5000",
      repository: "filters/add-header",
      tag: "1.2",
      digest: undefined,
    });
  });

  test("a digest may stand in place of the tag or beside it", () => {
    assert.deepEqual(parsed(`ghcr.io/a/b@${DIGEST}`), {
      kind: "registry",
      registry: "ghcr.io",
      repository: "a/b",
      tag: undefined,
      digest: DIGEST,
    });
    assert.deepEqual(parsed(`ghcr.io/a/b:v1@${DIGEST}`), {
      kind: "registry",
      registry: "ghcr.io",
      repository: "a/b",
      tag: "v1",
      digest: DIGEST,
    });
  });

  test("names without a registry are Docker Hub's, and its aliases are one registry", () => {
    const names = ["nginx", "library/nginx", "docker.io/nginx", "index.docker.io/library/nginx:latest", "registry-1.docker.io/nginx"];
    for (const name of names) assert.equal(formatReference(parsed(name)), "docker.io/library/nginx:latest", name);
    assert.equal(formatReference(parsed("weir/add-header:1")), "docker.io/weir/add-header:1");
  });

  test("localhost, ports and IPv6 hosts are registries", () => {
    assert.equal(formatReference(parsed("localhost/a:1")), "localhost/a:1");
    assert.equal(formatReference(parsed("localhost:5000/a/b")), "localhost:5000/a/b:latest");
    assert.equal(formatReference(parsed("[::1]:5000/a:1")), "[::1]:5000/a:1");
  });
});

describe("references to images of a machine", () => {
  test("are names as in a registry behind `local:`, which is also the name of a host where a port follows", () => {
    const { kind, registry, repository, tag } = valued(parseReference("local:ghcr.io/me/f:1")) as LocalReference;
    assert.deepEqual([kind, registry, repository, tag], ["local", "ghcr.io", "me/f", "1"]);
    assert.equal(formatReference(valued(parseReference("local:me/f"))), "local:docker.io/me/f:latest");
    assert.equal(canonicalRepository("local:GHCR.io/me/f:1"), "local:ghcr.io/me/f");
    assert.equal(valued(parseReference("local:5000/me/f:1")).kind, "registry");
    failed(openReference("local:ghcr.io/me/f:1", new Map(), { layoutBase: "/" }), "InvalidReference");
  });
});

describe("layout references", () => {
  test("a layout reference takes the last colon for the tag, so folders may hold colons and dots", () => {
    assert.deepEqual(parsed("oci-layout:/var/lib/x:y/images:v1.0"), {
      kind: "layout",
      directory: "/var/lib/x:y/images",
      tag: "v1.0",
      digest: undefined,
    });
    assert.deepEqual(parsed(`oci-layout:../a.b@${DIGEST}`), { kind: "layout", directory: "../a.b", tag: undefined, digest: DIGEST });
    assert.equal(formatReference(parsed("oci-layout:/home/me@work/my filters:v1")), "oci-layout:/home/me@work/my filters:v1");
    assert.deepEqual(parsed(`oci-layout:a:v2@${DIGEST}`), { kind: "layout", directory: "a", tag: "v2", digest: DIGEST });
  });
});

describe("the one spelling of a repository", () => {
  test("is the same however the reference is written", () => {
    for (const [text, repository] of [
      ["nginx", "docker.io/library/nginx"],
      ["index.docker.io/library/nginx:1", "docker.io/library/nginx"],
      [`Registry.Example:5000/a/b:1@${DIGEST}`, "registry.example:5000/a/b"],
      ["registry.example:443/a/b:1", "registry.example/a/b"],
      ["registry.example:0443/a/b:1", "registry.example/a/b"],
      ["registry.example:80/a/b:1", "registry.example:80/a/b"],
      ["127.1/a/b:1", "127.0.0.1/a/b"],
      ["[0:0::1]:443/a/b:1", "[::1]/a/b"],
      ["oci-layout:./modules/x/../f/:1", "oci-layout:modules/f"],
      ["oci-layout:modules/../../etc:1", "oci-layout:../etc"],
      ["oci-layout:/:1", "oci-layout:/"],
      ["http://no/reference", "http://no/reference"],
    ] as const)
      assert.equal(canonicalRepository(text), repository, text);
  });
});

describe("what is no reference", () => {
  for (const [text, why] of refused) {
    test(`refuses ${JSON.stringify(text.slice(0, 60))} and says why`, () => {
      const result = parseReference(text);
      assert.ok(!result.ok);
      assert.equal(result.error.reason, "InvalidReference");
      assert.match(result.error.message, why);
    });
  }
});

describe("formatReference", () => {
  test("whatever parses, reads back to the same, and nothing throws", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,4})?$/);
    const host = fc.constantFrom("docker.io/", "ghcr.io/", "localhost:5000/", "127.0.0.1:1/", "");
    const tail = fc.constantFrom("", ":v1", `@${DIGEST}`, `:v1@${DIGEST}`);
    fc.assert(
      fc.property(host, fc.array(part, { minLength: 1, maxLength: 3 }), tail, (h, path, t) => {
        fc.pre(URL.canParse(`https://${h}${path.join("/")}`)); // a.1/b has a host that none can have
        const once = parsed(`${h}${path.join("/")}${t}`);
        assert.deepEqual(parsed(formatReference(once)), once);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void parseReference(text)));
  });
});
