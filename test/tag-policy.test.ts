import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { valued } from "../oci/testing/result.ts";
import { startRegistry } from "./support/registry.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir } from "./support/weir.ts";

test("the manifest of docs/images.md follows the highest version of a real registry, each move a revision", async (t) => {
  const folder = await createTempFolder("tag-policy");
  const registry = await startRegistry();
  const repository = `${registry.host}/filters/add-header`;
  const push = async (tag: string) =>
    valued(await pushModule(`${repository}:${tag}`, await headerFilter({ name: "x-tag", value: tag }), { keychain: new Map() })).digest;
  for (const tag of ["1.1.0", "1.3.0", "latest", "1.2.4-rc.1"]) await push(tag);
  const first = await push("v1.2.3");
  const filters = join(folder.path, "filters");
  await mkdir(filters);
  const page = await createSnippets("images");
  await writeFile(join(filters, "f.yaml"), page.text("tagPolicy").replace("registry.example", registry.host).replace("5m", "1s"));
  const weir = await startWeir({ source: ["--filters", filters], data: join(folder.path, "data") });
  t.after(async () => {
    await Promise.all([weir.stop(), registry.stop()]);
    await folder.remove();
  });
  const isAt = (revision: number, digest: string) =>
    weir.until(`revision ${revision}`, "add-header", ({ status }) => status?.revision === revision && status.digest === digest);
  const { status } = await isAt(1, first);
  assert.deepEqual(status?.resolved, { image: repository, digest: first, tagPolicy: { semver: "~1.2", prerelease: false }, tag: "v1.2.3" });
  const second = await push("1.2.10");
  const moved = await isAt(2, second);
  assert.deepEqual(
    moved.status?.history?.map(({ image }) => image),
    [`${repository}:1.2.10`, `${repository}:v1.2.3`],
  );
  // A restart forgets nothing.
  await weir.stop();
  await weir.start();
  assert.equal((await isAt(2, second)).status?.history?.length, 2);
});
