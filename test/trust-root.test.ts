import assert from "node:assert/strict";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { valued } from "../oci/testing/result.ts";
import { putBeside } from "./support/beside.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createSigstore, type Sigstore } from "./support/sigstore.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, startWeir, weir } from "./support/weir.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const IDENTITY = "https://git.example/me/filters/.workflows/release.yaml@refs/tags/v1";
const ISSUER = "https://token.git.example";

let registry: Registry;
let sigstore: Sigstore;
let folder: Awaited<ReturnType<typeof createTempFolder>>;

before(async () => {
  [registry, sigstore, folder] = await Promise.all([startRegistry(), createSigstore(), createTempFolder("trust-root")]);
  await mkdir(join(folder.path, "filters"));
  await writeFile(join(folder.path, "root.json"), sigstore.trustRoot);
});

after(() => Promise.all([registry?.stop(), folder?.remove()]));

/** An image that an identity signed, or nobody. */
async function push(name: string, signer?: Sigstore): Promise<string> {
  const image = `${registry.host}/keyless/${name}:1`;
  const { digest } = valued(await pushModule(image, await headerFilter({ name: "x-weir", value: name }), { keychain: new Map() }));
  const bundle = await signer?.bundle({ identity: IDENTITY, issuer: ISSUER, digest });
  if (bundle !== undefined) await putBeside(image, digest, [{ mediaType: BUNDLE, bytes: Buffer.from(bundle) }]);
  return image;
}

async function put(name: string, object: object): Promise<void> {
  await writeFile(join(folder.path, "new"), JSON.stringify(object));
  await rename(join(folder.path, "new"), join(folder.path, "filters", `${name}.json`));
}

const asked = (more: object = {}, identity = IDENTITY) => [{ cosign: { keyless: { issuer: ISSUER, identity, ...more } } }];
const filter = (name: string, image: string, verify?: readonly object[]) =>
  put(name, { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name }, spec: { image, ...(verify && { verify }) } });

test("a server's own trust root judges identities of specs and policies that name none; another one judges all anew", async (t) => {
  const [signed, foreign, bare] = await Promise.all([push("signed", sigstore), push("foreign", await createSigstore()), push("bare")]);
  const start = (root: string) =>
    startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder.path, flags: ["--trust-root", root] });
  let server = await start("root.json");
  t.after(() => server.stop());
  const verified = (name: string, what: string) =>
    server.until(`${name}: ${what}`, name, (found) => condition(found, "Verified") === what, 60_000);

  await filter("signed", signed, asked());
  await filter("other", signed, asked({}, "https://git.example/you"));
  await filter("foreign", foreign, asked());
  await filter("bare", bare, asked());
  await verified("signed", "True Verified");
  await verified("other", "False SignerMismatch");
  await verified("foreign", "False CertificateUntrusted");
  await verified("bare", "False SignatureNotFound");

  const images = [{ pattern: `${registry.host}/keyless/**`, verify: asked() }];
  const policy = (mode: string) =>
    put("policy", { apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata: { name: "identity" }, spec: { images, mode } });
  await policy("Audit");
  await filter("audited", bare);
  const told = await server.until("the audit", "audited", (found) => condition(found, "Permitted") === "True AuditedViolation", 60_000);
  assert.match(
    told.status?.conditions?.find(({ type }) => type === "Permitted")?.message ?? "",
    /^spec\.image: images\[0\]\.verify\[0\]: \S+ is not signed; .* \(WasmPolicy identity, rule images\.verify, audited\)$/,
  );
  await server.until("it to be held up by nothing", "audited", ({ status }) => status?.stableRevision === 1, 60_000);
  await filter("fine", signed);
  await server.until("it to hold", "fine", (found) => condition(found, "Permitted") === "True Permitted", 60_000);
  await policy("Enforce");
  await verified("fine", "True Verified");
  await verified("audited", "False SignatureNotFound");

  const root = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "sigstore" }, data: { "trusted_root.json": sigstore.trustRoot } };
  await put("root", root);
  await filter("own", signed, asked({ trustRoot: { configMapKeyRef: { name: "sigstore", key: "trusted_root.json" } } }));
  await verified("own", "True Verified");

  await server.stop();
  await writeFile(join(folder.path, "other.json"), (await createSigstore()).trustRoot);
  server = await start("other.json");
  await verified("signed", "False CertificateUntrusted");
});

test("a file that is no trust root, and one that is not there, end the start with words", async () => {
  await writeFile(join(folder.path, "junk.json"), "{}");
  for (const [root, why] of [
    ["junk.json", /--trust-root junk\.json: the trust root names no authority that certifies identities/],
    ["gone.json", /--trust-root gone\.json/],
  ] as const)
    await assert.rejects(weir(["serve", "--filters", "filters", "--data", "data", "--trust-root", root], { cwd: folder.path }), why);
});
