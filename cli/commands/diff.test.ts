import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { revision, rolling } from "../testing/fixtures.ts";
import { runWeir } from "../testing/weir.ts";

let dir: string;
let server: Server;
let served: WasmFilter = rolling;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "weir-diff-"));
  writeFileSync(join(dir, "f.json"), JSON.stringify({ ...rolling, status: undefined }));
  const secret = { secretConfig: { name: "conf", key: "k" } };
  const answers: Readonly<Record<string, unknown>> = {
    "/api/v1/filters/shop/add-header/revisions": [
      revision(1, "3f2a9c01d2e4"),
      revision(2, "3f2a9c01d2e4", { config: '{"a":1}', priority: 5 }),
      { ...revision(3, "aaaa11112222"), ...secret, hash: "one" },
      { ...revision(4, "aaaa11112222"), image: revision(3, "").image, ...secret, hash: "two" },
    ],
  };
  server = createServer(({ url = "" }, response) => {
    // Lists are asked for by pages.
    const [path = ""] = url.split("?");
    response.end(JSON.stringify(path === "/api/v1/filters" ? { items: [served] } : (answers[path] ?? null)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

after(() => {
  server.close();
  rmSync(dir, { recursive: true });
});

const diff = (...argv: readonly string[]) => {
  const env = { WEIR_FILTERS: dir, WEIR_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  return runWeir(dir, ["diff", "shop/add-header", ...argv], { env });
};

test("two revisions are compared field by field, in text and in JSON", async () => {
  const { status, out, err } = await diff("1", "2");
  assert.deepEqual([status, err], [0, ""]);
  assert.equal(
    out,
    `revision 1 -> 2
  image     registry.example/filters/add-header:1.1 -> registry.example/filters/add-header:1.2
  priority  0 -> 5
  config    none -> {"a":1}
`,
  );
  const { changes, before, after } = JSON.parse((await diff("2", "1", "-o", "json")).out);
  assert.deepEqual([before.number, after.number], [2, 1]);
  assert.deepEqual(changes.at(-1), { field: "config", before: '{"a":1}', after: "none" });
});

test("one revision is compared with the target; a Secret's text is said to have changed and not shown", async () => {
  assert.equal((await diff("3")).out, "revision 3 -> 4\n  config  changed, in Secret conf (k)\n");
  assert.equal((await diff("4")).out, "revision 4 is what add-header leads to now\n");
  assert.equal((await diff("3", "3")).out, "both are revision 3\n");
});

test("what is no revision is wrong usage, and one that is not kept is an error that names those that are", async () => {
  assert.equal((await diff("latest")).status, 2);
  const { status, err } = await diff("1", "9");
  assert.equal(status, 1);
  assert.equal(err, "error: shop/add-header keeps no revision 9; it has 1, 2, 3, 4\n");
});

test("the target is not said to be where a spec leads that was not read, did not get so far, or waits", async (t) => {
  t.after(() => {
    served = rolling;
    writeFileSync(join(dir, "f.json"), JSON.stringify({ ...rolling, status: undefined }));
  });
  const resolved = {
    type: "Resolved",
    status: "Unknown" as const,
    reason: "Suspended",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  const said = rolling.status ?? {};
  const behind = { ...said, conditions: [resolved] };
  const last = "revision 4 is what add-header led to last; its spec may lead to another, ";
  served = { ...rolling, status: behind };
  assert.equal((await diff("4")).out, `${last}\`weir describe add-header\` says how far that is\n`);
  served = { ...rolling, spec: { ...rolling.spec, suspend: true }, status: behind };
  writeFileSync(join(dir, "f.json"), JSON.stringify({ ...served, status: undefined }));
  assert.equal((await diff("4")).out, `${last}once spec.suspend is taken away\n`);
  served = { ...served, status: { ...said, observedGeneration: 6 } };
  assert.match((await diff("4")).out, /led to last/);
  served = { ...served, status: said };
  assert.equal((await diff("4")).out, "revision 4 is what add-header leads to now\n");
});
