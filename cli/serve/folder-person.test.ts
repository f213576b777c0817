import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { digest } from "../testing/fixtures.ts";
import { FolderPerson } from "./folder-person.ts";

const KEY = { namespace: "shop", name: "a" };
const TEXT = `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: a, namespace: shop}
spec:
  image: a/b:1 # why this one
`;

async function start(t: TestContext, namespace?: string) {
  const dir = await mkdtemp(join(tmpdir(), "weir-person-"));
  t.after(() => rm(dir, { recursive: true }));
  const file = join(dir, "a.yaml");
  await writeFile(file, TEXT);
  return { person: new FolderPerson(dir, { name: "alice", namespace }), file };
}

test("what was looked at is changed, and nothing else; a dry run changes nothing", async (t) => {
  const { person, file } = await start(t);
  const read = await person.read(KEY);
  assert.ok(read.ok);
  const { resourceVersion = "" } = read.value.metadata;
  const patch = { digest: digest("ab") };
  const dry = await person.patch(KEY, patch, { resourceVersion, dryRun: true });
  assert.equal(dry.ok && dry.value.spec.digest, digest("ab"));
  assert.equal(await readFile(file, "utf8"), TEXT);
  const done = await person.patch(KEY, patch, { resourceVersion, dryRun: false });
  assert.ok(done.ok, JSON.stringify(done));
  assert.equal(await readFile(file, "utf8"), `${TEXT}  digest: "${digest("ab")}"\n`);
  const again = await person.read(KEY);
  assert.equal(again.ok && again.value.metadata.resourceVersion, done.value.metadata.resourceVersion);
  const stale = await person.patch(KEY, { digest: null }, { resourceVersion, dryRun: false });
  assert.equal(!stale.ok && stale.error.reason, "Conflict");
  const back = await person.patch(KEY, { digest: null }, { resourceVersion: done.value.metadata.resourceVersion ?? "", dryRun: false });
  assert.ok(back.ok);
  assert.equal(await readFile(file, "utf8"), TEXT);
});

test("an editor of another namespace may not, what is wrong is refused, and what is not there is not found", async (t) => {
  const { person, file } = await start(t, "bank");
  const options = { resourceVersion: "", dryRun: false };
  assert.deepEqual(
    [await person.may("patch", KEY), await person.may("patch", { namespace: "bank" })].map((may) => may.ok && may.value),
    [false, true],
  );
  const refused = await person.patch(KEY, { digest: null }, options);
  assert.equal(!refused.ok && refused.error.reason, "Forbidden");
  const missing = await person.read({ namespace: "bank", name: "a" });
  assert.equal(!missing.ok && missing.error.reason, "NotFound");
  const all = await start(t);
  const read = await all.person.read(KEY);
  const { resourceVersion = "" } = read.ok ? read.value.metadata : {};
  const wrong = await all.person.patch(KEY, { digest: "abc" as never }, { resourceVersion, dryRun: true });
  assert.match(!wrong.ok ? `${wrong.error.reason} ${wrong.error.message}` : "", /^Invalid .*spec\.digest: not a digest/);
  assert.equal(await readFile(file, "utf8"), TEXT);
});
