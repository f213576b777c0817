import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import wabt from "wabt";
import { digestOf } from "../../model/digest.ts";
import { PLACEHOLDER_DIGEST, placeholder } from "../../model/placeholder.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { join } from "../protobuf/wire.ts";
import { codeFixture, entryFixture } from "../testing/entry.ts";
import { chainResource } from "./chain.ts";
import { placeholderModule } from "./placeholder.ts";

test("the module is the one that its comment shows, and has the digest by which it is known", async () => {
  const source = await readFile(new URL("placeholder.ts", import.meta.url), "utf8");
  const text =
    source
      .match(/^ \* {5}.*$/gm)
      ?.map((line) => line.slice(7))
      .join("\n") ?? "";
  const { parseWat } = await wabt();
  assert.deepEqual(Buffer.from(parseWat("placeholder.wat", text).toBinary({}).buffer), Buffer.from(placeholderModule));
  assert.equal(digestOf(placeholderModule), PLACEHOLDER_DIGEST);
});

test("nothing of the filter's configuration is in what stands in its place, and no store is asked for its module", () => {
  const dialect = { form: "chain", restriction: "vm" } as const;
  const settings = { ...DEFAULT_SETTINGS, config: "the-secret", env: [{ name: "A", value: "the-secret" }], priority: 3 };
  const entry = placeholder({ namespace: "shop", name: "auth" }, settings, "yields");
  const resource = chainResource("default", [entryFixture("a"), entry], dialect, "1");
  assert.deepEqual(resource.modules, [entryFixture("a").wasmDigest]);
  const bytes = Buffer.from(join(resource.encode(codeFixture())));
  assert.equal(bytes.includes("the-secret"), false);
  assert.equal(bytes.includes(Buffer.from(placeholderModule)), true);
});

test("what stands there is the same for every way in which it stands", () => {
  const hashes = (["yields", "replaces", "passes"] as const).map(
    (stands) => placeholder({ namespace: "a", name: "b" }, DEFAULT_SETTINGS, stands).hash,
  );
  assert.equal(new Set(hashes).size, 1);
});
