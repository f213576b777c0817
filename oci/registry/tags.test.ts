import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { json } from "../testing/fake-registry.ts";
import { withRemote } from "../testing/remote.ts";
import { failed, valued } from "../testing/result.ts";

/** A registry whose tags come by these pages: by the query of each, its tags and the target of its Link. */
type Pages = Readonly<Record<string, readonly [tags: readonly unknown[] | null, next?: string]>>;

async function withPages(pages: Pages, run: (list: () => Promise<unknown>, asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const answer = (path: string, response: ServerResponse) => {
    const { search } = new URL(path, "http://fake");
    asked.push(search);
    const [tags, next] = pages[search] ?? [null];
    json(response, 200, { name: "team/filter", tags }, next === undefined ? {} : { link: `<${next}>; rel="next"` });
    return true;
  };
  await withRemote(
    (request, response) => request.url?.includes("/tags/list") === true && answer(request.url, response),
    async ({ repository }) => run(() => repository.tags(), asked),
  );
}

describe("the tags of a repository", () => {
  test("come page by page, whatever host and scheme the links name, each once", async () => {
    const pages: Pages = {
      "?n=1000": [["b", "a"], "/v2/team/filter/tags/list?last=b&n=2"],
      "?last=b&n=2": [["c", "b"], "https://internal.invalid/v2/team/filter/tags/list?last=c&n=2"],
      "?last=c&n=2": [null, "?last=d"],
      "?last=d": [["e"], "https://internal.invalid//other.invalid/v2/team/filter/tags/list?last=e"],
      "?last=e": [["f"]],
    };
    await withPages(pages, async (list, asked) => {
      assert.deepEqual(valued((await list()) as never), ["a", "b", "c", "e", "f"]);
      assert.deepEqual(asked, Object.keys(pages));
    });
  });

  test("leave out what is no tag", async () => {
    await withPages({ "?n=1000": [["ok", 1, null, "a b", "x".repeat(129), "\u001b[31m", "-a", {}]] }, async (list) => {
      assert.deepEqual(valued((await list()) as never), ["ok"]);
    });
  });

  test("that lead in a circle, or are too many, are refused, not cut", async () => {
    await withPages({ "?n=1000": [["a"], "?n=1000"] }, async (list, asked) => {
      failed((await list()) as never, "RegistryRefused");
      assert.equal(asked.length, 1);
    });
    const many = Array.from({ length: 50_001 }, (_, i) => `t${i}`);
    await withPages({ "?n=1000": [many] }, async (list) => void failed((await list()) as never, "TooManyTags"));
    await withPages({ "?n=1000": [["x".repeat(5 << 20)]] }, async (list) => void failed((await list()) as never, "TooManyTags"));
  });
});
