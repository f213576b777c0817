import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../model/digest.ts";
import type { Kept } from "../../model/module.ts";
import { fail } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { parseFilter } from "../parse/filter.ts";
import { createPolicyBook } from "../policy/book.ts";
import { createPermits } from "../policy/permits.ts";
import type { Policies } from "../source/policies.ts";
import { policiesOf } from "../testing/policies.ts";
import { resolveModule } from "./module.ts";

const DIGEST = digestOf("manifest");
const repositoryOf = (image: string) => image.replace(/[:@].*$/, "");
const images = policiesOf({ base: { images: [{ pattern: "registry.example/filters/*" }] } });
const slots = policiesOf({ base: { slots: ["default"] } });

/** What a filter of this image keeps of a digest that its history has from `registry.other/f`, as the registry is told. */
async function kept(image: string, policies: Policies): Promise<Kept> {
  const parsed = parseFilter({
    apiVersion: "weir.dev/v1alpha1",
    kind: "WasmFilter",
    metadata: { name: "f", namespace: "shop" },
    spec: { image, digest: DIGEST },
  });
  assert.ok(parsed.ok);
  const revision = { image: `registry.other/f@${DIGEST}`, digest: DIGEST, wasmDigest: digestOf("module") } as Revision;
  let asked: Kept | undefined;
  const refuse = async (_image: string, _digest: unknown, options: { readonly kept?: Kept }) => {
    asked = options.kept;
    return fail("ImageNotFound", "not there");
  };
  const unused = () => assert.fail();
  const registry = { resolve: refuse, tags: unused, pull: unused, pullUrl: unused, configSchema: unused, repositoryOf };
  const permits = createPermits({ book: createPolicyBook(() => policies), registry, claims: () => [] });
  const source = { secret: unused };
  const deps = { registry, permits, source, parseKeychain: unused, revisionsOf: () => [revision] };
  await resolveModule(parsed.value, [revision], { last: {}, isAsked: false }, deps, new AbortController().signal);
  return asked ?? assert.fail();
}

describe("a digest of the filter's history under the name of another repository", () => {
  test("is asked for there, where a policy says where images may come from: the history gets around no policy", async () => {
    const { byFilter, byNamespace, moduleOf } = await kept("registry.example/filters/f:1", images);
    assert.deepEqual([byFilter(DIGEST), byNamespace(DIGEST), moduleOf(DIGEST)], [false, false, undefined]);
  });

  test("asks nobody where it is of that repository, or no policy says it", async () => {
    for (const [image, policies] of [
      ["registry.other/f:2", images],
      ["registry.example/filters/f:1", slots],
    ] as const) {
      const { byFilter, byNamespace, moduleOf } = await kept(image, policies);
      assert.deepEqual([byFilter(DIGEST), byNamespace(DIGEST), moduleOf(DIGEST)], [true, true, digestOf("module")], image);
    }
  });
});
