import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Digest } from "../model/digest.ts";
import type { AttestationDemand, Signer } from "../model/verify.ts";
import { createVerifier, pushModule } from "../oci/index.ts";
import { valued } from "../oci/testing/result.ts";
import { parseFilter } from "../operator/parse/filter.ts";
import { installGoTool } from "../scripts/tools/go.ts";
import { runOk } from "../scripts/tools/run.ts";
import { type Layer, putBeside } from "./support/beside.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createSigstore, type Sigstore } from "./support/sigstore.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { weir } from "./support/weir.ts";

const keychain = new Map();
const PASSWORD = "correct horse";
const PROVENANCE = "https://slsa.dev/provenance/v1";
const BUILDER = "https://builder.example/hosted";
const SOURCE = "https://git.example/me/filters";
const provenance = {
  buildDefinition: { externalParameters: { workflow: { repository: SOURCE } } },
  runDetails: { builder: { id: BUILDER } },
};
const verifier = createVerifier({});
const page = await createSnippets("signatures");

let registry: Registry;
let folder: Awaited<ReturnType<typeof createTempFolder>>;
let images = 0;

before(async () => {
  [registry, folder] = await Promise.all([startRegistry(), createTempFolder("signatures")]);
  await writeFile(join(folder.path, "provenance.json"), JSON.stringify(provenance));
});

after(() => Promise.all([registry?.stop(), folder?.remove()]));

/** An image that nobody signed yet. */
async function push(): Promise<{ readonly image: string; readonly digest: Digest; readonly exact: string }> {
  images += 1;
  const image = `${registry.host}/signed/f${images}:1`;
  const module = await headerFilter({ name: "x-weir", value: `${images}` });
  const { digest } = valued(await pushModule(image, module, { keychain }));
  return { image, digest, exact: `${registry.host}/signed/f${images}@${digest}` };
}

/** Built when it is needed: tests of identities need it not, and building it takes minutes. */
let cosignProgram: Promise<string> | undefined;

async function cosign(...args: readonly string[]): Promise<string> {
  cosignProgram ??= installGoTool("cosign");
  return runOk(await cosignProgram, args, {
    cwd: folder.path,
    env: { COSIGN_PASSWORD: PASSWORD, HOME: folder.path, PATH: process.env.PATH ?? "" },
  });
}

/** Without the transparency log: it is the public one, and the network is not asked. */
const OFFLINE = ["--tlog-upload=false", "--use-signing-config=false", "-y"];

/** Who signed, or why nobody holds. */
async function judged(
  { image, digest }: { image: string; digest: Digest },
  signer: Signer<string>,
  attestation?: AttestationDemand,
): Promise<string> {
  const verdicts = await verifier.verify(image, digest, [{ origin: "here", signer, attestation }], { keychain });
  const first = verdicts.ok ? verdicts.value[0] : verdicts;
  assert.ok(first !== undefined);
  return first.ok ? `held by ${first.value.by}` : `${first.error.reason}: ${first.error.message}`;
}

test("the manifests of docs/signatures.md are accepted, and its commands do what it says", async () => {
  for (const name of ["key", "identity", "attestation"]) {
    const parsed = parseFilter(page.yaml(name));
    assert.ok(parsed.ok, JSON.stringify(parsed));
  }
  const publishing = await createSnippets("authors/publishing");
  await cosign("generate-key-pair");
  await writeFile(join(folder.path, "sbom.spdx.json"), JSON.stringify({ spdxVersion: "SPDX-2.3" }));
  const { image } = await push();
  const lines = [page.text("sign"), page.text("attest"), publishing.text("sign")]
    .join("")
    .trim()
    .split("\n")
    .filter((line) => line.startsWith("weir"));
  for (const line of lines) {
    const args = line
      .replace(/registry\.example\S+/, image)
      .split(" ")
      .slice(1);
    const said = await weir(args, { cwd: folder.path, env: { COSIGN_PASSWORD: PASSWORD } });
    assert.match(said, /signed|attested/, line);
  }
});

describe("keys, with cosign on the other side", () => {
  /** Names of key pairs: `NAME.key` is cosign's, sealed; `NAME.pem` the bare one; `NAME.pub`. */
  const kinds = ["p256", "p384", "rsa", "ed25519"] as const;
  type Kind = (typeof kinds)[number];
  const signers = new Map<Kind, Signer<string>>();
  const signerOf = (kind: Kind) => signers.get(kind) as Signer<string>;

  before(async () => {
    const made = {
      p256: generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
      p384: generateKeyPairSync("ec", { namedCurve: "secp384r1" }),
      rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
      ed25519: generateKeyPairSync("ed25519"),
    };
    for (const kind of kinds) {
      const publicKey = String(made[kind].publicKey.export({ format: "pem", type: "spki" }));
      await writeFile(join(folder.path, `${kind}.pub`), publicKey);
      await writeFile(join(folder.path, `${kind}.pem`), made[kind].privateKey.export({ format: "pem", type: "pkcs8" }));
      await cosign("import-key-pair", "--key", `${kind}.pem`, "--output-key-prefix", `sealed-${kind}`, "-y");
      signers.set(kind, { kind: "key", publicKey });
    }
  });

  for (const kind of kinds) {
    test(`what cosign signs with ${kind} holds in both layouts, and for no other key`, async () => {
      for (const layout of ["true", "false"]) {
        const pushed = await push();
        await cosign("sign", "--key", `sealed-${kind}.key`, ...OFFLINE, `--new-bundle-format=${layout}`, pushed.exact);
        assert.match(await judged(pushed, signerOf(kind)), /^held by key [0-9a-f]{12}$/);
        const other = kind === "p256" ? "p384" : "p256";
        assert.match(await judged(pushed, signerOf(other)), kind === "p384" || kind === "p256" ? /^KeyMismatch: / : /^KeyKindMismatch: /);
      }
    });

    test(`what weir signs with ${kind}, by a sealed key and a bare one, cosign verifies`, async () => {
      const pushed = await push();
      const { image, exact } = pushed;
      await weir(["sign", image, "--key", join(folder.path, `sealed-${kind}.key`)], { env: { COSIGN_PASSWORD: PASSWORD } });
      const predicate = ["--predicate", join(folder.path, "provenance.json"), "--type", "slsaprovenance1"];
      await weir(["attest", image, ...predicate, "--key", join(folder.path, `${kind}.pem`)]);
      const trusting = ["--key", `${kind}.pub`, "--insecure-ignore-tlog"];
      assert.match(await cosign("verify", ...trusting, exact), /"docker-manifest-digest"/);
      assert.match(await cosign("verify-attestation", ...trusting, "--type", "slsaprovenance1", exact), /"payload"/);
      assert.match(await judged(pushed, signerOf(kind)), /^held/);
      assert.match(await judged(pushed, signerOf(kind), { predicateType: PROVENANCE, builder: BUILDER }), /^held/);
    });
  }

  test("what cosign attests holds by its type, builder and source, and for nothing else", async () => {
    const key = signerOf("p256");
    for (const layout of ["true", "false"]) {
      const pushed = await push();
      const about = ["--predicate", "provenance.json", "--type", "slsaprovenance1"];
      await cosign("attest", "--key", "sealed-p256.key", ...OFFLINE, `--new-bundle-format=${layout}`, ...about, pushed.exact);
      const demand = { predicateType: PROVENANCE, builder: BUILDER, source: `git+${SOURCE}.git@refs/heads/main` };
      assert.match(await judged(pushed, key, demand), /^held/);
      assert.match(await judged(pushed, key, { ...demand, predicateType: "https://slsa.dev/provenance" }), /^held/);
      assert.match(
        await judged(pushed, key, { ...demand, builder: "https://other.example" }),
        /^ProvenanceMismatch: .* built by https:\/\/builder/,
      );
      assert.match(await judged(pushed, key, { ...demand, source: `${SOURCE}-2` }), /^ProvenanceMismatch: .* built from/);
      assert.match(
        await judged(pushed, key, { predicateType: "https://spdx.dev/Document" }),
        /^AttestationNotFound: .*it has: https:\/\/slsa/,
      );
      assert.match(await judged(pushed, key), /^SignatureNotFound: here: .* is not signed/);
    }
  });

  test("the same signature beside another digest, and a changed one, are refused in their own words", async () => {
    const pushed = await push();
    const { image, digest, exact } = await push();
    await cosign("sign", "--key", "sealed-p256.key", ...OFFLINE, exact);
    const bundle = await bundleOf(image, digest);
    await putBeside(pushed.image, pushed.digest, [{ mediaType: BUNDLE, bytes: bundle }]);
    assert.match(await judged(pushed, signerOf("p256")), /^DigestNotSigned: here: .* what is signed is another digest, sha256:/);
    const changed = Buffer.from(
      bundle.toString().replace(/"sig":"(.{20})(.)/, (_, head, next) => `"sig":"${head}${next === "A" ? "B" : "A"}`),
    );
    const third = await push();
    await putBeside(third.image, third.digest, [{ mediaType: BUNDLE, bytes: changed }]);
    assert.match(await judged(third, signerOf("p256")), /^SignatureTampered: .* names this key/);
  });

  test("a wrong password and a registry that is gone are told as what they are", async () => {
    const { image, digest } = await push();
    const key = join(folder.path, "sealed-p256.key");
    await assert.rejects(weir(["sign", image, "--key", key], { env: { COSIGN_PASSWORD: "no" } }), /does not open with this password/);
    const away = `127.0.0.1:9/${image.split("/").slice(1).join("/")}`;
    const verdicts = await verifier.verify(away, digest, [{ origin: "here", signer: signerOf("p256"), attestation: undefined }], {
      keychain,
    });
    assert.ok(!verdicts.ok && verdicts.error.retryable);
    assert.match(verdicts.error.message, /^the signatures of .* cannot be read: /);
  });
});

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const IDENTITY = "https://git.example/me/filters/.workflows/release.yaml@refs/tags/v1";
const ISSUER = "https://token.git.example";

/** The bundle that cosign stored. */
async function bundleOf(image: string, digest: Digest): Promise<Buffer> {
  const base = `http://${registry.host}/v2/${image.split("/").slice(1).join("/").split(":")[0]}`;
  const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
  const read = async (name: string) => (await fetch(`${base}/manifests/${name}`, { headers: { accept } })).json();
  const { manifests } = (await read(digest.replace(":", "-"))) as { manifests: { digest: string }[] };
  const { layers } = (await read(manifests[0]?.digest ?? "")) as { layers: { digest: string }[] };
  return Buffer.from(await (await fetch(`${base}/blobs/${layers[0]?.digest}`)).arrayBuffer());
}

describe("identities, by a sigstore of this test's own", () => {
  let sigstore: Sigstore;
  before(async () => {
    sigstore = await createSigstore();
  });

  const by = (trustRoot: string, identity: string, issuer = ISSUER): Signer<string> => ({
    kind: "keyless",
    issuer: { exact: issuer },
    identity: identity.startsWith("/") ? { regExp: identity.slice(1) } : { exact: identity },
    trustRoot,
  });

  /** An image with a bundle of this sigstore. `change` is made to it before it is stored. */
  async function signed(from: Sigstore, change: (bundle: string) => string = (bundle) => bundle, of?: Digest) {
    const pushed = await push();
    const bundle = await from.bundle({ identity: IDENTITY, issuer: ISSUER, digest: of ?? pushed.digest });
    await putBeside(pushed.image, pushed.digest, [layerOf(change(bundle))]);
    return pushed;
  }

  const signedBundle = async (from: Sigstore) => from.bundle({ identity: IDENTITY, issuer: ISSUER, digest: (await push()).digest });

  const layerOf = (bundle: string): Layer => ({ mediaType: BUNDLE, bytes: Buffer.from(bundle) });

  test("a signature holds for its identity, exactly or by expression, and for no other identity or issuer", async () => {
    const pushed = await signed(sigstore);
    const { trustRoot } = sigstore;
    assert.equal(await judged(pushed, by(trustRoot, IDENTITY)), `held by ${IDENTITY} (${ISSUER})`);
    assert.match(await judged(pushed, by(trustRoot, "/https://git\\.example/me/.*")), /^held/);
    assert.match(await judged(pushed, by(trustRoot, "/git\\.example/me/.*")), /^SignerMismatch: /, "an expression covers the whole of it");
    assert.match(
      await judged(pushed, by(trustRoot, "https://git.example/you")),
      /^SignerMismatch: .* is signed by https:.*, not by https:\/\/git\.example\/you/,
    );
    assert.match(await judged(pushed, by(trustRoot, IDENTITY, "https://other.example")), /^SignerMismatch: /);
    assert.match(await judged(pushed, by(trustRoot, "/(a+)+$")), /^SignerMismatch: /);
  });

  test("what cosign 2 kept beside an image holds too", async () => {
    const pushed = await push();
    const { payload, annotations } = await sigstore.simpleSigning({ identity: IDENTITY, issuer: ISSUER, digest: pushed.digest });
    const layer = { mediaType: "application/vnd.dev.cosign.simplesigning.v1+json", bytes: payload, annotations };
    await putBeside(pushed.image, pushed.digest, [layer], `${pushed.digest.replace(":", "-")}.sig`);
    assert.match(await judged(pushed, by(sigstore.trustRoot, IDENTITY)), /^held/);
    assert.match(await judged(pushed, by(sigstore.trustRoot, "me@other.example")), /^SignerMismatch: /);
  });

  test("a timestamp of an authority that the trust root names says when, where no log does", async () => {
    const stamping = { stamps: true, logs: false };
    const tsa = await createSigstore(stamping);
    assert.match(await judged(await signed(tsa), by(tsa.trustRoot, IDENTITY)), /^held/);
    const late = await createSigstore({ ...stamping, logsAfterMs: 3_600_000 });
    assert.match(
      await judged(await signed(late), by(late.trustRoot, IDENTITY)),
      /^CertificateExpired: .* its certificate was valid from .* to .*, and it was signed at /,
    );
    // Its own logs and certificates, and the timestamp authority of another.
    const named = ({ trustRoot }: Sigstore) => JSON.parse(trustRoot).timestampAuthorities;
    const other = JSON.stringify({ ...JSON.parse(tsa.trustRoot), timestampAuthorities: named(late) });
    assert.match(
      await judged(await signed(tsa), by(other, IDENTITY)),
      /^NotLogged: .* no timestamp authority of the trust root says when it was signed/,
    );
    const both = [await signedBundle(tsa), await signedBundle(tsa)];
    const [foreign, own] = both.map((bundle) => JSON.parse(bundle));
    own.verificationMaterial.timestampVerificationData = foreign.verificationMaterial.timestampVerificationData;
    const swapped = await push();
    await putBeside(swapped.image, swapped.digest, [layerOf(JSON.stringify(own))]);
    assert.match(await judged(swapped, by(tsa.trustRoot, IDENTITY)), /^NotLogged: .* no timestamp authority/, "it is of another signature");
    const pushed = await push();
    const { payload, annotations } = await tsa.simpleSigning({ identity: IDENTITY, issuer: ISSUER, digest: pushed.digest });
    const layer = { mediaType: "application/vnd.dev.cosign.simplesigning.v1+json", bytes: payload, annotations };
    await putBeside(pushed.image, pushed.digest, [layer], `${pushed.digest.replace(":", "-")}.sig`);
    assert.match(await judged(pushed, by(tsa.trustRoot, IDENTITY)), /^held/, "in cosign 2's layout");
  });

  test("a timestamp holds with every fraction of a second: its text has no zero at the end", async () => {
    for (const stampMs of [7, 120, 500, 999]) {
      const tsa = await createSigstore({ stamps: true, logs: false, stampMs });
      assert.match(await judged(await signed(tsa), by(tsa.trustRoot, IDENTITY)), /^held/, `${stampMs} ms`);
      const late = await createSigstore({ stamps: true, logs: false, stampMs, logsAfterMs: 3_600_000 });
      assert.match(await judged(await signed(late), by(late.trustRoot, IDENTITY)), /^CertificateExpired: /, `${stampMs} ms`);
    }
  });

  test("what cosign 2 attested by an identity holds by its type, with each kind of log entry that it made", async () => {
    const demand = { predicateType: PROVENANCE, builder: BUILDER };
    const attested = async (kind?: Parameters<Sigstore["attestation"]>[1], identity = IDENTITY) => {
      const pushed = await push();
      const said = { identity, issuer: ISSUER, digest: pushed.digest, predicateType: PROVENANCE, predicate: provenance };
      const { payload, annotations } = await sigstore.attestation(said, kind);
      const layer = { mediaType: "application/vnd.dsse.envelope.v1+json", bytes: payload, annotations };
      await putBeside(pushed.image, pushed.digest, [layer], `${pushed.digest.replace(":", "-")}.att`);
      return pushed;
    };
    const pushed = await attested();
    assert.match(await judged(pushed, by(sigstore.trustRoot, IDENTITY), demand), /^held/);
    assert.match(await judged(pushed, by(sigstore.trustRoot, "me@other.example"), demand), /^SignerMismatch: /);
    assert.match(await judged(pushed, by(sigstore.trustRoot, IDENTITY), { ...demand, builder: "x" }), /^ProvenanceMismatch: /);
    assert.match(await judged(pushed, by(sigstore.trustRoot, IDENTITY)), /^SignatureNotFound: /);
    assert.match(await judged(await attested("intoto 0.0.2"), by(sigstore.trustRoot, IDENTITY), demand), /^held/);
    assert.match(
      await judged(await attested("intoto 0.0.1"), by(sigstore.trustRoot, IDENTITY), demand),
      /^SignatureUnreadable: .* its log entry is of a kind that is not read \(unsupported intoto version: 0\.0\.1/,
    );
  });

  test("a provenance that an identity signed holds by its builder", async () => {
    const pushed = await push();
    const said = { identity: IDENTITY, issuer: ISSUER, digest: pushed.digest, predicateType: PROVENANCE, predicate: provenance };
    await putBeside(pushed.image, pushed.digest, [layerOf(await sigstore.bundle(said))]);
    assert.match(await judged(pushed, by(sigstore.trustRoot, IDENTITY), { predicateType: PROVENANCE, builder: BUILDER }), /^held/);
    assert.match(
      await judged(pushed, by(sigstore.trustRoot, IDENTITY), { predicateType: PROVENANCE, builder: "x" }),
      /^ProvenanceMismatch/,
    );
  });

  test("refused: an expired certificate, another digest, a changed bundle, no log, another authority, a key; each in its own words", async () => {
    const { trustRoot } = sigstore;
    const late = await createSigstore({ logsAfterMs: 3_600_000 });
    assert.match(
      await judged(await signed(late), by(late.trustRoot, IDENTITY)),
      /^CertificateExpired: .* its certificate was valid from .* to .*, and it was signed at /,
    );
    const other = await push();
    assert.match(
      await judged(await signed(sigstore, undefined, other.digest), by(trustRoot, IDENTITY)),
      /^DigestNotSigned: .* another digest, sha256:/,
    );
    const changed = await signed(sigstore, (bundle) => {
      const parsed = JSON.parse(bundle);
      const payload = Buffer.from(parsed.dsseEnvelope.payload, "base64").toString().replace('"predicate":{}', '"predicate":{"a":1}');
      return JSON.stringify({ ...parsed, dsseEnvelope: { ...parsed.dsseEnvelope, payload: Buffer.from(payload).toString("base64") } });
    });
    assert.match(await judged(changed, by(trustRoot, IDENTITY)), /^SignatureTampered: .* changed since it was signed/);
    const silent = await createSigstore({ logs: false });
    assert.match(await judged(await signed(silent), by(silent.trustRoot, IDENTITY)), /^NotLogged: .* neither a transparency log nor/);
    assert.match(await judged(await signed(late), by(trustRoot, IDENTITY)), /^(CertificateUntrusted|CertificateExpired|NotLogged): /);
    const foreign = await createSigstore();
    assert.match(
      await judged(await signed(foreign), by(trustRoot, IDENTITY)),
      /^CertificateUntrusted: .* no authority that the trust root names/,
    );
    const pair = generateKeyPairSync("ed25519");
    const publicKey = String(pair.publicKey.export({ format: "pem", type: "spki" }));
    assert.match(
      await judged(await signed(sigstore), { kind: "key", publicKey }),
      /^KeyMismatch: .* signed by an identity, and not with this key/,
    );
    const withKey = await push();
    await writeFile(join(folder.path, "bare.pem"), pair.privateKey.export({ format: "pem", type: "pkcs8" }));
    await weir(["sign", withKey.image, "--key", join(folder.path, "bare.pem")]);
    assert.match(await judged(withKey, by(trustRoot, IDENTITY)), /^KeyMismatch: .* signed with a key, and not by an identity/);
  });

  test("of many signatures the newest are looked at, and garbage among them spoils nothing", async () => {
    const pushed = await push();
    const good = await sigstore.bundle({ identity: IDENTITY, issuer: ISSUER, digest: pushed.digest });
    for (const bytes of ["", "{}", "[1]", "x".repeat(100), good, good.slice(0, 500), JSON.stringify({ mediaType: BUNDLE })])
      await putBeside(pushed.image, pushed.digest, [{ mediaType: BUNDLE, bytes: Buffer.from(bytes) }]);
    assert.match(await judged(pushed, by(sigstore.trustRoot, IDENTITY)), /^held/);
    const junk = Array.from({ length: 70 }, (_, index) => ({ mediaType: BUNDLE, bytes: Buffer.from(`{"n":${index}}`) }));
    await putBeside(pushed.image, pushed.digest, junk);
    assert.match(await judged(pushed, by(sigstore.trustRoot, IDENTITY)), /^SignatureUnreadable: .* older ones were not looked at/);
  });

  test("weir verify takes an identity and a trust root; one that is none is refused", async () => {
    const pushed = await signed(sigstore);
    const root = join(folder.path, "trusted_root.json");
    await writeFile(root, sigstore.trustRoot);
    const demand = ["--identity-regexp", "https://git\\.example/me/.*", "--issuer", ISSUER];
    assert.match(await weir(["verify", pushed.image, ...demand, "--trust-root", root]), /^signed by https:\/\/git\.example/m);
    await assert.rejects(weir(["verify", pushed.image, ...demand]), /--identity needs --trust-root/);
    await assert.rejects(
      weir(["verify", pushed.image, ...demand, "--trust-root", join(folder.path, "provenance.json")]),
      /the trust root /,
    );
    assert.ok((await readFile(root, "utf8")).includes("certificateAuthorities"));
  });
});
