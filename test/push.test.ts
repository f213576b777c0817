import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runWeir } from "../cli/testing/weir.ts";
import type { Digest } from "../model/digest.ts";
import { openReference } from "../oci/index.ts";
import { listReferrers } from "../oci/repository/referrers.ts";
import { valued } from "../oci/testing/result.ts";
import { installSkopeo } from "../scripts/tools/debian.ts";
import { ToolError } from "../scripts/tools/run.ts";
import { startProcess } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";

const skopeo = await installSkopeo().catch((error: unknown) => {
  if (error instanceof ToolError) return error;
  throw error;
});

let registry: Registry;
let folder: Awaited<ReturnType<typeof createTempFolder>>;
let file: string;

before(async () => {
  [registry, folder] = await Promise.all([startRegistry(), createTempFolder("push")]);
  file = join(folder.path, "f.wasm");
  await writeFile(file, await headerFilter({ name: "x-weir", value: "1" }));
});

after(() => Promise.all([registry?.stop(), folder?.remove()]));

const weir = async (argv: readonly string[], env: Record<string, string> = {}) =>
  runWeir(await mkdtemp(join(folder.path, "home-")), argv, { env });

async function manifestOf(text: string) {
  const { repository, reference } = valued(openReference(text, new Map(), {}));
  const raw = valued(await repository.manifest(reference.digest ?? reference.tag ?? ""));
  return { repository, digest: raw.digest, document: JSON.parse(new TextDecoder().decode(raw.bytes)) };
}

describe("weir push", () => {
  test("an image says what its module is and what it was told, under every tag, with its README and its bill of materials", async () => {
    const image = `${registry.host}/team/f`;
    const [readme, sbom, other] = ["README.md", "sbom.json", "bom.json"].map((name) => join(folder.path, name)) as [string, string, string];
    writeFileSync(readme, "# f\n");
    writeFileSync(sbom, JSON.stringify({ spdxVersion: "SPDX-2.3", name: "f" }));
    writeFileSync(other, JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6" }));
    const said = ["--annotation", "title=f", "--annotation", "revision=3f2a", "--annotation", "com.example.team=shop"];
    const argv = [
      "push",
      file,
      `${image}:1.2.0`,
      "-t",
      "1.2",
      "-t",
      "latest",
      ...said,
      "--readme",
      readme,
      "--sbom",
      sbom,
      "--sbom",
      other,
    ];
    const done = await weir([...argv, "-o", "json"]);
    assert.equal(done.status, 0, done.err);
    const { digest } = JSON.parse(done.out) as { digest: Digest };
    for (const tag of ["1.2.0", "1.2", "latest"]) assert.equal((await manifestOf(`${image}:${tag}`)).digest, digest);
    const { repository, document } = await manifestOf(`${image}:1.2`);
    assert.deepEqual(document.annotations, {
      "com.example.team": "shop",
      "dev.weir.module.abi": "0.2.1",
      "org.opencontainers.image.revision": "3f2a",
      "org.opencontainers.image.title": "f",
    });
    const page = document.layers.find(({ mediaType }: { mediaType: string }) => mediaType === "text/markdown");
    assert.equal(new TextDecoder().decode(valued(await repository.blob({ ...page, annotations: {} }, 100))), "# f\n");
    const types = valued(await listReferrers(repository, digest)).map(({ artifactType }) => artifactType);
    assert.deepEqual(types.sort(), ["application/spdx+json", "application/vnd.cyclonedx+json"]);

    assert.equal(JSON.parse((await weir([...argv, "-o", "json"])).out).digest, digest, "the same push is the same image");
    assert.equal(valued(await listReferrers(repository, digest)).length, 2, "and its bills are attached once");
    const dated = await weir([...argv, "-o", "json"], { SOURCE_DATE_EPOCH: "1700000000" });
    const timed = await manifestOf(`${image}@${JSON.parse(dated.out).digest}`);
    assert.equal(timed.document.annotations["org.opencontainers.image.created"], "2023-11-14T22:13:20Z");
  });

  test("what is no bill of materials, no annotation and no time is refused before anything is sent", async () => {
    const image = `${registry.host}/team/refused:1`;
    const wrong = join(folder.path, "wrong.json");
    writeFileSync(wrong, '{"a":1}');
    for (const [argv, words, env] of [
      [["--sbom", wrong], /is neither SPDX/, {}],
      [["--sbom", join(folder.path, "none")], /is not there/, {}],
      [["--annotation", "nothing"], /--annotation is KEY=VALUE/, {}],
      [["--annotation", "unknown=x"], /--annotation is KEY=VALUE/, {}],
      [["--readme", folder.path], /is a folder/, {}],
      [["-t", "a b"], /not a tag/, {}],
      [[], /SOURCE_DATE_EPOCH is a number/, { SOURCE_DATE_EPOCH: "now" }],
    ] as const) {
      const done = await weir(["push", file, image, ...argv], env);
      assert.ok(done.status > 0, argv.join(" "));
      assert.match(done.err, words);
    }
    assert.match((await weir(["list", `${registry.host}/team/refused`])).err, /does not exist/);
  });

  test("skopeo reads what the image says", { skip: skopeo instanceof ToolError && skopeo.message }, async () => {
    assert.ok(!(skopeo instanceof ToolError));
    const image = `${registry.host}/team/told:1`;
    assert.equal((await weir(["push", file, image, "--annotation", "title=told"])).status, 0);
    const argv = ["inspect", "--raw", "--tls-verify=false", `docker://${image}`];
    const run = await startProcess(skopeo.program, argv, { name: "skopeo", env: { ...skopeo.env, HOME: folder.path } });
    assert.equal((await run.exited).code, 0, run.logs());
    assert.equal(JSON.parse(run.logs()).annotations["org.opencontainers.image.title"], "told");
  });
});
