import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openTestFolder, until } from "../../testing/test-folder.ts";

const POLICY = (name: string, more = "") => `apiVersion: weir.dev/v1alpha1
kind: WasmPolicy
metadata: {name: ${name}, namespace: ignored}
spec: {urls: Deny${more}}
`;
const NAMESPACE = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a, count: 3, "b": "c"}}\n';

describe("policies in a folder", () => {
  test("are told with the labels of namespaces, and change live", async (t) => {
    const folder = await openTestFolder(t, { "a.yaml": `${POLICY("a")}---\n${NAMESPACE}`, "b.yaml": POLICY("b") });
    const first = folder.source.policies();
    assert.deepEqual([...(first.objects ?? []).keys()], ["a", "b"]);
    // A number is no label that an API server takes.
    assert.deepEqual([first.labels("shop"), first.labels("bank")], [{ team: "a", b: "c" }, {}]);
    await folder.write("b.yaml", POLICY("b", ", slots: [x]"));
    await until(() => folder.source.policies() !== first, "the change");
    assert.match(JSON.stringify(folder.source.policies().objects?.get("b")), /"slots":\["x"\]/);
  });

  test("survive a restart with a file that is broken by then, and go with their file", async (t) => {
    const folder = await openTestFolder(t, { "a.yaml": `${POLICY("a")}---\n${NAMESPACE}` });
    await folder.write("a.yaml", "kind: [");
    const again = await folder.restart();
    assert.deepEqual([...(again.policies().objects ?? []).keys()], ["a"]);
    assert.deepEqual(again.policies().labels("shop"), { team: "a", b: "c" });
    await folder.write("a.yaml", NAMESPACE);
    await until(() => again.policies().objects?.size === 0, "the policy to go");
    // The file follows what is known.
    await until(
      async () => !(await readFile(join(folder.dataDir, "policies.json"), "utf8")).includes("WasmPolicy"),
      "the file to forget it",
    );
  });

  test("are not kept on disk where there are none, and what is damaged there is told", async (t) => {
    const folder = await openTestFolder(t, {});
    await assert.rejects(readFile(join(folder.dataDir, "policies.json")));
    await writeFile(join(folder.dataDir, "policies.json"), '[{"file": 1}]').catch(() => {});
    const again = await folder.restart();
    assert.equal(again.policies().objects?.size, 0);
  });

  test("of one name in two files, the first by path counts", async (t) => {
    const folder = await openTestFolder(t, { "b.yaml": POLICY("a", ", slots: [b]"), "a.yaml": POLICY("a", ", slots: [a]") });
    assert.match(JSON.stringify(folder.source.policies().objects?.get("a")), /"slots":\["a"\]/);
    assert.match(folder.problems.get("b.yaml") ?? "", /WasmPolicy a is in a\.yaml already/);
  });
});
