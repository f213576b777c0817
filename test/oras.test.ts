import assert from "node:assert/strict";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runWeir } from "../cli/testing/weir.ts";
import { installGoTool } from "../scripts/tools/go.ts";
import { startProcess } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";

/** ORAS reads what Weir pushes and copies, and Weir reads what ORAS writes. https://oras.land */

let registry: Registry;
let folder: Awaited<ReturnType<typeof createTempFolder>>;
let oras: string;

before(async () => {
  [registry, folder, oras] = await Promise.all([startRegistry(), createTempFolder("oras"), installGoTool("oras")]);
  await writeFile(join(folder.path, "f.wasm"), await headerFilter({ name: "x-weir", value: "1" }));
  await writeFile(join(folder.path, "README.md"), "# f\n");
  await writeFile(join(folder.path, "sbom.json"), '{"spdxVersion":"SPDX-2.3"}');
});

after(() => Promise.all([registry?.stop(), folder?.remove()]));

async function run(...argv: string[]): Promise<string> {
  const env = { HOME: folder.path, DOCKER_CONFIG: folder.path };
  const done = await startProcess(oras, argv, { name: "oras", cwd: folder.path, env });
  assert.equal((await done.exited).code, 0, done.logs());
  return done.logs();
}

async function weir(...argv: string[]): Promise<string> {
  const done = await runWeir(await mkdtemp(join(folder.path, "home-")), argv);
  assert.equal(done.status, 0, done.err);
  return done.out;
}

const path = (name: string) => join(folder.path, name);
const descriptors = (text: string) => {
  const { referrers, manifests } = JSON.parse(text);
  return (referrers ?? manifests).map(({ digest, artifactType }: Record<string, string>) => `${digest} ${artifactType}`);
};

describe("oras", () => {
  test("pulls what weir push wrote, and discovers the bill of materials that is attached", async () => {
    const image = `${registry.host}/team/f:1`;
    const pushed = JSON.parse(
      await weir("push", path("f.wasm"), image, "--readme", path("README.md"), "--sbom", path("sbom.json"), "-o", "json"),
    );
    const described = JSON.parse(await run("manifest", "fetch", "--plain-http", "--descriptor", image));
    assert.equal(described.digest, pushed.digest);
    const found = descriptors(await run("discover", "--plain-http", "--format", "json", image));
    assert.equal(found.length, 1);
    assert.match(found[0], /^sha256:[0-9a-f]{64} application\/spdx\+json$/);
    await run("pull", "--plain-http", "--output", path("pulled"), image);
    assert.equal(await readFile(join(path("pulled"), "README.md"), "utf8"), "# f\n");

    await weir("copy", image, `oci-layout:${path("carried")}:1`);
    const carried = JSON.parse(await run("manifest", "fetch", "--oci-layout", "--descriptor", `${path("carried")}:1`));
    assert.equal(carried.digest, pushed.digest);
    assert.deepEqual(descriptors(await run("discover", "--oci-layout", "--format", "json", `${path("carried")}:1`)), found);
  });

  test("what it pushed and attached is copied by weir with all that refers to it", async () => {
    const image = `${registry.host}/oras/f:1`;
    await run("push", "--plain-http", image, "f.wasm:application/wasm");
    await run("attach", "--plain-http", "--artifact-type", "example/signature", image, "sbom.json:application/json");
    const copied = JSON.parse(await weir("copy", image, `${registry.host}/copied/f:1`, "-o", "json"));
    assert.equal(copied.referrers, 1);
    const from = descriptors(await run("discover", "--plain-http", "--format", "json", image));
    assert.deepEqual(descriptors(await run("discover", "--plain-http", "--format", "json", `${registry.host}/copied/f:1`)), from);
    assert.match(
      await weir("inspect", `${registry.host}/copied/f:1`),
      new RegExp(`refers +${from[0]?.replace(" ", " \\(").replace("/", "\\/")}\\)`),
    );
  });
});
