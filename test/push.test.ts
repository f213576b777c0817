import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pLimit from "p-limit";
import { runWeir } from "../cli/testing/weir.ts";
import { type Digest, digestOf } from "../model/digest.ts";
import { openReference } from "../oci/index.ts";
import { listReferrers } from "../oci/repository/referrers.ts";
import { valued } from "../oci/testing/result.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { lacksSkopeo, runSkopeo } from "./support/skopeo.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";

const EMPTY = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 };

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
  return { repository, bytes: raw.bytes, digest: raw.digest, document: JSON.parse(new TextDecoder().decode(raw.bytes)) };
}

describe("weir list and weir inspect", () => {
  test("tell what is at each tag, what it says, what refers to it, and what its sections weigh", async () => {
    const image = `${registry.host}/team/listed`;
    const padded = join(folder.path, "padded.wasm");
    await writeFile(padded, await headerFilter({ name: "x-weir", value: "1", padding: 5_000 }));
    const sbom = join(folder.path, "listed.json");
    writeFileSync(sbom, JSON.stringify({ bomFormat: "CycloneDX" }));
    const env = { SOURCE_DATE_EPOCH: "1700000000" };
    assert.equal((await weir(["push", padded, `${image}:1.0`, "-t", "latest", "--sbom", sbom], env)).status, 0);
    assert.equal((await weir(["push", file, `${image}:1.1`])).status, 0);
    const { digest, repository } = await manifestOf(`${image}:1.0`);
    // As cosign keeps a signature of it.
    const type = "application/vnd.oci.image.manifest.v1+json";
    const signature = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType: type, config: EMPTY, layers: [] }));
    valued(await repository.putBlob(new TextEncoder().encode("{}"), EMPTY.digest));
    valued(await repository.putManifest(signature, type, `${digest.replace(":", "-")}.sig`));

    const { images: listed, next } = JSON.parse((await weir(["list", image, "-o", "json"])).out);
    assert.equal(next, null);
    const rows = listed.map(({ tag, abi, created, signed }: Record<string, unknown>) => [tag, abi, created, signed]);
    assert.deepEqual(rows, [
      ["1.0", "0.2.1", "2023-11-14T22:13:20Z", true],
      ["1.1", "0.2.1", null, false],
      ["latest", "0.2.1", "2023-11-14T22:13:20Z", true],
    ]);
    assert.equal(listed[0].digest, digest);
    const page = await weir(["list", image, "--limit", "1", "--after", "1.0"]);
    assert.match(page.out, /^TAG +DIGEST +SIZE +ABI +CREATED +SIGNED\n1\.1 +[0-9a-f]{12} +\S+ \w+ +0\.2\.1 +- +no\n$/);
    assert.match(page.err, /there are more tags; --after 1\.1 goes on/);
    assert.equal(JSON.parse((await weir(["list", image, "--limit", "2", "-o", "json"])).out).next, "1.1");
    assert.equal((await weir(["list", image, "--tags"])).out, "1.0\n1.1\nlatest\n", "what refers to them is no tag of an image");
    assert.match((await weir(["list", `${registry.host}/team/none`])).err, /does not exist/);

    const key = join(folder.path, "sign.pem");
    await writeFile(key, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }));
    const isSigned = async () =>
      JSON.parse((await weir(["list", image, "--after", "1.0", "--limit", "1", "-o", "json"])).out).images[0].signed;
    const attested = await weir(["attest", `${image}:1.1`, "--predicate", sbom, "--type", "cyclonedx", "--key", key]);
    assert.equal(attested.status, 0, attested.err);
    assert.equal(await isSigned(), false, "a statement about it is no signature of it");
    assert.equal((await weir(["sign", `${image}:1.1`, "--key", key])).status, 0);
    assert.equal(await isSigned(), true);

    const inspected = await weir(["inspect", `${image}:1.0`]);
    assert.match(inspected.out, /^ {2}says +dev\.weir\.module\.abi = 0\.2\.1$/m);
    assert.match(inspected.out, /^ {2}refers +sha256:[0-9a-f]{64} \(application\/vnd\.cyclonedx\+json\)$/m);
    assert.match(inspected.out, /^ {2}parts +"" 4\.8 KiB, export \d+ bytes, code \d+ bytes/m);
    assert.match(inspected.out, /^ {2}strip +4\.8 KiB are in custom sections, which no proxy reads; weir build leaves them out$/m);
    const { strippable, sections, referrers } = JSON.parse((await weir(["inspect", `${image}:1.0`, "-o", "json"])).out);
    assert.deepEqual([strippable > 5_000, sections[0].isCustom, referrers.length], [true, true, 1]);
  });
});

test("weir list reads the tags of a registry that gives them in pages", { timeout: 120_000 }, async (t) => {
  const image = `${registry.host}/team/many`;
  assert.equal((await weir(["push", file, `${image}:first`])).status, 0);
  const { repository, bytes } = await manifestOf(`${image}:first`);
  const tags = Array.from({ length: 1_050 }, (_, i) => `v${10_000 + i}`);
  const inTurn = pLimit(8);
  await Promise.all(
    tags.map((tag) =>
      inTurn(async () => valued(await repository.putManifest(new Uint8Array(bytes), "application/vnd.oci.image.manifest.v1+json", tag))),
    ),
  );
  const asked = registry.logs().length;
  const listed = await weir(["list", image, "--tags"]);
  assert.deepEqual(listed.out.trim().split("\n"), ["first", ...tags]);
  const pages = await eventually("both pages in the registry's log", () => {
    const found =
      registry
        .logs()
        .slice(asked)
        .match(/"GET \/v2\/team\/many\/tags\/list[^"]*"/g) ?? [];
    return found.length >= 2 ? found : undefined;
  });
  t.diagnostic(`1,051 tags in ${pages.length} pages`);
  const last = await weir(["list", image, "--after", "v11048", "-o", "json"]);
  assert.deepEqual(
    JSON.parse(last.out).images.map(({ tag }: { tag: string }) => tag),
    ["v11049"],
  );
});

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

  test("skopeo reads what the image says", { skip: lacksSkopeo }, async () => {
    const image = `${registry.host}/team/told:1`;
    assert.equal((await weir(["push", file, image, "--annotation", "title=told"])).status, 0);
    const raw = await runSkopeo(["inspect", "--raw", "--tls-verify=false", `docker://${image}`], folder.path);
    assert.equal(JSON.parse(raw).annotations["org.opencontainers.image.title"], "told");
  });
});
