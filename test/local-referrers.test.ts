import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runWeir } from "../cli/testing/weir.ts";
import { openReference } from "../oci/index.ts";
import { attach, listReferrers } from "../oci/repository/referrers.ts";
import { valued } from "../oci/testing/result.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";

/** What refers to an image of a machine: made there, carried to a real registry and back, and gone with the image. */

let registry: Registry;
let folder: Awaited<ReturnType<typeof createTempFolder>>;
let home: string;
const path = (name: string) => join(folder.path, name);

before(async () => {
  [registry, folder] = await Promise.all([startRegistry(), createTempFolder("local-referrers")]);
  home = path("home");
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(path("sign.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
  await writeFile(path("sign.pub"), publicKey.export({ type: "spki", format: "pem" }));
  await writeFile(path("sbom.json"), JSON.stringify({ spdxVersion: "SPDX-2.3" }));
  await writeFile(path("f.wasm"), await headerFilter({ name: "x-weir", value: "1" }));
  await writeFile(path("g.wasm"), await headerFilter({ name: "x-weir", value: "2" }));
});

after(() => Promise.all([registry?.stop(), folder?.remove()]));

const weir = (...argv: string[]) => runWeir(home, argv);

async function done(...argv: string[]) {
  const ended = await weir(...argv, "-o", "json");
  assert.equal(ended.status, 0, ended.err);
  return JSON.parse(ended.out);
}

/** An image of this machine that is signed, attested and has an SBOM. */
async function make(name: string, file: string): Promise<string> {
  const { digest, reference } = await done("push", path(file), `local:${name}`, "--sbom", path("sbom.json"));
  assert.ok(reference.startsWith("local:"), reference);
  await done("sign", `local:${name}`, "--key", path("sign.pem"));
  await done("attest", `local:${name}`, "--predicate", path("sbom.json"), "--type", "spdxjson", "--key", path("sign.pem"));
  return digest;
}

const blobs = () => readdir(join(home, ".local/share/weir/images/blobs/sha256"));

describe("what refers to an image of this machine", () => {
  test("is made beside it, is told of it, and is no image itself", async () => {
    const name = `${registry.host}/team/f:1`;
    const digest = await make(name, "f.wasm");
    const inspected = await done("inspect", name);
    assert.deepEqual(inspected.referrers.map(({ artifactType }: { artifactType: string }) => artifactType).sort(), [
      "application/spdx+json",
      "application/vnd.dev.sigstore.bundle.v0.3+json",
      "application/vnd.dev.sigstore.bundle.v0.3+json",
    ]);
    assert.deepEqual(
      (await done("list")).map((each: { digest: string }) => each.digest),
      [digest],
    );
    const held = await weir("verify", `local:${name}`, "--key", path("sign.pub"));
    assert.equal(held.status, 0, held.err);
    assert.match(held.out, /^signed by /);
    assert.match(
      (await weir("verify", name, "--key", path("sign.pub"))).err,
      /does not exist|has no image/,
      "signatures are asked of the registry",
    );
  });

  test("goes along with a push, unless it is left behind", async () => {
    const name = `${registry.host}/team/f:1`;
    const bare = await done("push", name, "--no-referrers");
    assert.equal(bare.referrers, 0);
    assert.match((await weir("verify", name, "--key", path("sign.pub"))).err, /SignatureNotFound|not signed|no signature/);
    const text = await weir("push", name);
    assert.match(text.out, /\n {2}with {4}3 referrers\n$/);
    const held = await weir("verify", name, "--key", path("sign.pub"), "--attestation", "spdxjson");
    assert.equal(held.status, 0, held.err);
    assert.match((await weir("push", `local:${name}`)).err, /leave out local:/);
    const nowhere = await weir("sign", `local:${name}9`, "--key", path("sign.pem"));
    assert.match(nowhere.err, /there is no image \S+\/team\/f:19 on this machine; weir list shows/);
  });

  test("is copied with it between registry, machine and folder, with what refers to that in turn", async () => {
    const name = `${registry.host}/team/f:1`;
    const { repository, reference } = valued(openReference(name, new Map(), {}));
    const { digest } = valued(await repository.manifest(reference.tag ?? ""));
    const [bill] = valued(await listReferrers(repository, digest)).filter(({ artifactType }) => artifactType === "application/spdx+json");
    assert.ok(bill !== undefined);
    const subject = valued(await repository.manifest(bill.digest));
    valued(await attach(repository, subject, { mediaType: "application/x-signature", bytes: new TextEncoder().encode("of the bill") }));
    const away = await done("copy", name, `oci-layout:${path("folder")}:1`);
    assert.equal(away.referrers, 4);
    const local = await done("copy", `oci-layout:${path("folder")}:1`, `local:${registry.host}/team/copied:1`);
    assert.deepEqual([local.digest, local.referrers], [digest, 4]);
    const back = await done("copy", `local:${registry.host}/team/copied:1`, `${registry.host}/back/f:1`);
    assert.deepEqual([back.digest, back.referrers], [digest, 4]);
    const held = await weir("verify", `${registry.host}/back/f:1`, "--key", path("sign.pub"));
    assert.equal(held.status, 0, held.err);
  });

  test("goes when the image goes, and nothing of another image with it", async () => {
    for (const { reference } of await done("list")) assert.equal((await weir("rmi", reference)).status, 0);
    assert.deepEqual(await blobs(), [], "nothing is left of the first");
    const [kept, gone] = [`${registry.host}/team/kept:1`, `${registry.host}/team/gone:1`];
    await make(kept, "f.wasm");
    const before = await blobs();
    await make(gone, "g.wasm");
    assert.equal((await weir("rmi", gone)).status, 0);
    assert.deepEqual((await blobs()).sort(), before.sort(), "as before the second was made");
    assert.equal((await done("push", kept)).referrers, 3);
    await make(kept, "g.wasm");
    assert.equal((await done("inspect", kept)).referrers.length, 3, "of the new one under that name");
    assert.equal((await done("list")).length, 2, "and the one that had it is there by its digest");
  });
});
