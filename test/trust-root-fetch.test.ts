import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { createAddressPolicy, createFetch, fetchTrustRoot, pushModule, type TrustRootFetch } from "../oci/index.ts";
import { valued } from "../oci/testing/result.ts";
import { putBeside } from "./support/beside.ts";
import { startRegistry } from "./support/registry.ts";
import { createSigstore, type Sigstore } from "./support/sigstore.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { startTufRepository, type TufRepository } from "./support/tuf-repository.ts";
import { headerFilter } from "./support/wat.ts";
import { weir } from "./support/weir.ts";

const TARGET = "trusted_root.json";
const fetch = createFetch({ policy: createAddressPolicy({ loopback: true, allowed: [] }), proxies: false });

let sigstore: Sigstore;
let folder: Awaited<ReturnType<typeof createTempFolder>>;

before(async () => {
  [sigstore, folder] = await Promise.all([createSigstore(), createTempFolder("trust-root-fetch")]);
});

after(() => folder?.remove());

async function repository(t: TestContext, more: Omit<Parameters<typeof startTufRepository>[0], "targets"> = {}): Promise<TufRepository> {
  const started = await startTufRepository({ targets: { [TARGET]: sigstore.trustRoot }, ...more });
  t.after(() => started.stop());
  return started;
}

/** The file of a repository whose path ends so. */
function pathOf({ files }: TufRepository, end: string): string {
  const path = [...files.keys()].find((each) => each.endsWith(end));
  assert.ok(path, end);
  return path;
}

/** Reason and message of a fetch that fails. */
async function refusal({ mirror, root }: TufRepository, more: Partial<TrustRootFetch> = {}): Promise<string> {
  const fetched = await fetchTrustRoot({ mirror, root, fetch, ...more });
  assert.ok(!fetched.ok, "it was taken");
  return `${fetched.error.reason}: ${fetched.error.message.replaceAll(mirror, "MIRROR")}`;
}

const isClientLoaded = () => Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes("/node_modules/tuf-js/"));

test("a trust root is fetched over a change of the repository's keys, and verifies identities once the repository is away", async (t) => {
  const [tuf, registry] = await Promise.all([startTufRepository({ targets: { [TARGET]: sigstore.trustRoot } }), startRegistry()]);
  t.after(() => Promise.all([tuf.stop(), registry.stop()]));
  await writeFile(join(folder.path, "root.json"), tuf.root);
  const said = await weir(["trust-root", "fetch", "--mirror", `${tuf.mirror}/`, "--root", "root.json", "-o", "mine.json"], {
    cwd: folder.path,
  });
  assert.match(
    said,
    /^fetched mine\.json\n {2}from {4}http:\/\/127\.0\.0\.1:\d+\/\n {2}digest {2}sha256:[0-9a-f]{64}\n {2}next {4}weir serve --trust-root mine\.json\n$/,
  );
  assert.equal(await readFile(join(folder.path, "mine.json"), "utf8"), sigstore.trustRoot);
  await tuf.stop();

  const image = `${registry.host}/keyless/add-header:1`;
  const { digest } = valued(await pushModule(image, await headerFilter({ name: "x-weir", value: "1" }), { keychain: new Map() }));
  const who = { identity: "me@git.example", issuer: "https://token.git.example" };
  const bundle = Buffer.from(await sigstore.bundle({ ...who, digest }));
  await putBeside(image, digest, [{ mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json", bytes: bundle }]);
  const verify = ["verify", image, "--identity", who.identity, "--issuer", who.issuer, "--trust-root", "mine.json"];
  assert.match(await weir(verify, { cwd: folder.path }), /signed by .*me@git\.example/);
});

test("what verifies loads nothing of the TUF client", async (t) => {
  assert.equal(isClientLoaded(), false);
  const { mirror, root } = await repository(t);
  valued(await fetchTrustRoot({ mirror, root, fetch }));
  assert.equal(isClientLoaded(), true);
});

test("weir writes no file of a repository that it does not trust", async (t) => {
  const tampered = await repository(t);
  const path = pathOf(tampered, TARGET);
  tampered.files.set(path, Buffer.from(sigstore.trustRoot.replace("rekor.example", "rekor.example.evil"))); // longer than signed
  const expired = await repository(t, { timestampExpires: new Date(Date.now() - 1_000) });
  const other = { ...(await repository(t)), root: expired.root };
  for (const [tuf, why] of [
    [tampered, /^error: trusted_root\.json of \S+ is not what the repository signed: its length or its hash is another/m],
    [expired, /^error: timestamp\.json of \S+ has expired; the mirror is behind, or the clock of this machine is wrong/m],
    [other, /^error: 2\.root\.json of \S+ is not signed by the keys that the root names/m],
  ] as const) {
    await writeFile(join(folder.path, "given.json"), tuf.root);
    const argv = ["trust-root", "fetch", "--mirror", tuf.mirror, "--root", "given.json", "-o", "never.json"];
    await assert.rejects(weir(argv, { cwd: folder.path }), why);
  }
  assert.ok(!(await readdir(folder.path)).includes("never.json"));
});

describe("what is refused", () => {
  test("a target, a list of targets or a snapshot that was changed, at the same length too", async (t) => {
    for (const end of [TARGET, "/1.targets.json", "/1.snapshot.json"]) {
      const tuf = await repository(t);
      const path = pathOf(tuf, end);
      const bytes = Buffer.from(tuf.files.get(path) as Buffer);
      bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 1;
      tuf.files.set(path, bytes);
      assert.match(await refusal(tuf), /^TrustRootUntrusted: \S+ of MIRROR is not what the repository signed/, end);
    }
  });

  test("a timestamp that was changed is signed by nobody", async (t) => {
    const tuf = await repository(t);
    const changed = JSON.parse(String(tuf.files.get("/timestamp.json")));
    changed.signed.expires = "2099-01-01T00:00:00Z";
    tuf.files.set("/timestamp.json", Buffer.from(JSON.stringify(changed)));
    assert.match(await refusal(tuf), /^TrustRootUntrusted: timestamp\.json of MIRROR is not signed by the keys that the root names/);
  });

  test("a root that has expired, and a repository that the public root knows nothing of", async (t) => {
    const tuf = await repository(t, { rootExpires: new Date(Date.now() - 1_000) });
    assert.match(await refusal(tuf), /^TrustRootUntrusted: root\.json of MIRROR has expired/);
    assert.match(
      await refusal(await repository(t), { root: undefined }),
      /^TrustRootUntrusted: timestamp\.json of MIRROR is not signed by the keys/,
    );
  });

  test("a root to begin with that is none, and content that is no trust root", async (t) => {
    const tuf = await repository(t);
    for (const root of ["", "{}", tuf.root.toString().replace(/"sig":"../, '"sig":"00')])
      assert.match(
        await refusal(tuf, { root: Buffer.from(root) }),
        /^RootInvalid: the root is no root\.json of a TUF repository, signed by its own keys/,
      );
    const empty = await startTufRepository({ targets: { [TARGET]: "{}" } });
    t.after(() => empty.stop());
    assert.match(await refusal(empty), /^TrustRootInvalid: trusted_root\.json of MIRROR: the trust root names no authority/);
    const without = await startTufRepository({ targets: { "other.json": "{}" } });
    t.after(() => without.stop());
    assert.match(await refusal(without), /^TrustRootUntrusted: MIRROR has no trusted_root\.json among what it signs/);
  });

  test("a repository without an end, or that takes its time, is left within bounds", async (t) => {
    const tuf = await repository(t);
    tuf.files.set("/2.root.json", (_, response) => {
      const chunk = Buffer.alloc(64 << 10, 0x20);
      response.on("drain", () => response.write(chunk));
      response.write(chunk);
      response.write(chunk);
    });
    assert.match(await refusal(tuf), /^Trust\w+: .*2\.root\.json/);
    tuf.files.set("/2.root.json", (_, response) => response.writeHead(200).write("{"));
    assert.match(await refusal(tuf, { deadlineMs: 300 }), /^TrustRootUnreachable: MIRROR took too long to send all/);
    tuf.files.set("/2.root.json", () => {});
    assert.match(await refusal(tuf, { deadlineMs: 300 }), /^TrustRootUnreachable: MIRROR took too long to send all/);
  });

  test("a server that has no repository, one that sends in circles, and none at all", async (t) => {
    const tuf = await repository(t);
    const snapshot = tuf.files.get("/1.snapshot.json");
    tuf.files.delete("/1.snapshot.json");
    assert.match(await refusal(tuf), /^TrustRootUnreachable: MIRROR answered 404 for 1\.snapshot\.json; name a repository of sigstore/);
    tuf.files.set("/1.snapshot.json", (_, response) => response.writeHead(302, { location: "/1.snapshot.json" }).end());
    assert.match(await refusal(tuf), /^TrustRootUnreachable: MIRROR sends 1\.snapshot\.json elsewhere more than 5 times/);
    tuf.files.set("/moved", snapshot as Buffer);
    tuf.files.set("/1.snapshot.json", (_, response) => response.writeHead(302, { location: "/moved" }).end());
    assert.equal((await fetchTrustRoot({ mirror: tuf.mirror, root: tuf.root, fetch })).ok, true);
    tuf.files.set("/timestamp.json", (_, response) => response.writeHead(503).end("no"));
    assert.match(await refusal(tuf), /^TrustRootUnreachable: MIRROR answered 503 for timestamp\.json/);
    await tuf.stop();
    assert.match(await refusal(tuf), /^TrustRootUnreachable: MIRROR did not answer for 2\.root\.json \(.*ECONNREFUSED/);
  });
});
