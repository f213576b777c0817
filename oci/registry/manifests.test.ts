import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FakeRegistry } from "../testing/fake-registry.ts";
import { reply } from "../testing/fake-registry.ts";
import { addArtifact, createContent, wasm } from "../testing/images.ts";
import { anonymous, registryOn, withFake } from "../testing/module-registry.ts";
import { valued } from "../testing/result.ts";

interface Kind {
  /** How HEAD is answered: as GET is, or not at all. */
  readonly head: "as GET" | 405;
  /** What the registry calls a manifest. */
  readonly entityTag: (digest: string) => string;
}

/** A registry that tells no digest, and answers conditions. */
function without({ content }: FakeRegistry, { head, entityTag }: Kind): FakeRegistry["intercept"] {
  return (request, response) => {
    const [, name = ""] = /\/manifests\/(.*)$/.exec(request.url ?? "") ?? [];
    const digest = content.tags.get(name) ?? [...content.manifests.keys()].find((each) => each === name);
    const found = digest === undefined ? undefined : content.manifests.get(digest);
    if (found === undefined || digest === undefined) return false;
    const etag = entityTag(digest);
    if (request.method === "HEAD" && head === 405) reply(response, 405, {});
    else if (request.headers["if-none-match"] === etag) response.writeHead(304, { etag }).end();
    else reply(response, 200, { "content-type": found.mediaType, etag }, found.bytes);
    return true;
  };
}

/** Looks at a tag three times, and once more after it moved; gives the requests of each look. */
async function looks(kind: Kind): Promise<readonly (readonly string[])[]> {
  const content = createContent();
  const first = addArtifact(content, wasm("one"), "v1");
  const seen: string[][] = [];
  await withFake(content, async (fake) => {
    fake.intercept = without(fake, kind);
    const { registry } = await registryOn();
    const look = async (digest: string) => {
      fake.requests.length = 0;
      assert.equal(valued(await registry.resolve(`${fake.host}/a:v1`, undefined, anonymous)), digest);
      const shown = ({ method, headers }: (typeof fake.requests)[number]) =>
        `${method}${headers["if-none-match"] === undefined ? "" : "?"}`;
      seen.push(fake.requests.map(shown));
    };
    for (let i = 0; i < 3; i++) {
      await look(first.digest);
      valued(await registry.pull(`${fake.host}/a:v1`, first.digest, anonymous));
    }
    await look(addArtifact(content, wasm("two"), "v1").digest);
  });
  return seen;
}

describe("a registry that tells no digest of a tag", () => {
  const strong = (digest: string) => `"${digest.slice(-8)}"`;
  test("is asked for headers alone while it calls the manifest the same", async () => {
    const [first, second, third, moved] = await looks({ head: "as GET", entityTag: strong });
    assert.deepEqual([first, second, third], [["HEAD", "GET"], ["HEAD"], ["HEAD"]]);
    assert.deepEqual(moved, ["HEAD", "GET?", "GET"]);
  });

  test("and answers no HEAD is asked for the manifest on the condition that it changed", async () => {
    const [first, second, third, moved] = await looks({ head: 405, entityTag: strong });
    assert.deepEqual(
      [first, second, third],
      [
        ["HEAD", "GET"],
        ["HEAD", "GET?"],
        ["HEAD", "GET?"],
      ],
    );
    assert.deepEqual(moved, ["HEAD", "GET?", "GET"]);
  });

  test("is not believed where what it calls the manifest is weak: that may be the same for other bytes", async () => {
    const requests = await looks({ head: "as GET", entityTag: () => 'W/"same"' });
    assert.ok(requests.every((each) => !each.includes("GET?") && each.includes("GET")));
  });
});
