import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../model/log.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { createLayoutRepository } from "../layout/folder.ts";
import { openReference } from "../open.ts";
import { createMirrors } from "../registry/mirrors.ts";
import { manifestTypes } from "../repository/manifest.ts";
import { type FakeRegistry, reply, startFakeRegistry } from "../testing/fake-registry.ts";
import { addArtifact, addDocument, createContent, wasm } from "../testing/images.ts";
import { failed, valued } from "../testing/result.ts";
import { copyImage } from "./copy.ts";

const blobsAsked = ({ requests }: FakeRegistry) =>
  requests.filter(({ method, path }) => method === "GET" && path.includes("/blobs/")).length;

test("blobs come from a mirror, and from the registry behind it where it breaks off", async (t) => {
  const content = createContent();
  const { digest } = addArtifact(content, wasm("mirrored", 200_000), "v1");
  const [origin, mirror] = [await startFakeRegistry(content), await startFakeRegistry(content)];
  const folder = await mkdtemp(join(tmpdir(), "weir-copy-"));
  t.after(() => Promise.all([origin.stop(), mirror.stop(), rm(folder, { recursive: true })]));
  const mirrors = createMirrors([{ registry: origin.host, host: mirror.host, prefix: "" }], { clock: createFakeClock(), log: silentLog });
  const copy = async (to: string) => {
    const { repository } = valued(openReference(`${origin.host}/team/f:v1`, new Map(), { mirrors }));
    return valued(await copyImage(repository, "v1", createLayoutRepository(join(folder, to), to), ["v1"], { referrers: false }));
  };
  assert.equal((await copy("whole")).digest, digest);
  assert.deepEqual([blobsAsked(origin), blobsAsked(mirror)], [0, 2]);
  mirror.intercept = (request, response) => {
    if (request.url?.includes("/blobs/") !== true) return false;
    response.writeHead(200, { "content-length": 100 });
    response.write("half", () => request.socket.destroy());
    return true;
  };
  assert.deepEqual([(await copy("broken")).digest, blobsAsked(origin)], [digest, 2]);
});

test("blobs are read with whichever credentials are let in, and a target that refuses one is told of at once", async (t) => {
  const content = createContent();
  addArtifact(content, wasm("private", 5_000), "v1");
  const [from, to] = [await startFakeRegistry(content), await startFakeRegistry()];
  t.after(() => Promise.all([from.stop(), to.stop()]));
  const right = `Basic ${Buffer.from("right:pw").toString("base64")}`;
  // A registry may show a manifest to more people than its blobs.
  from.intercept = ({ url, headers: { authorization } }, response) => {
    if (url?.includes("/blobs/") !== true || authorization === right) return false;
    reply(response, authorization === undefined ? 401 : 403, { "www-authenticate": 'Basic realm="r"' });
    return true;
  };
  const keychain = new Map([[from.host, ["wrong", "right"].map((username) => ({ username, password: "pw" }))]]);
  const { repository: source } = valued(openReference(`${from.host}/team/f:v1`, keychain, {}));
  const { repository: target } = valued(openReference(`${to.host}/team/f:v1`, keychain, {}));
  to.intercept = ({ method }, response) => {
    if (method !== "PUT") return false;
    reply(response, 413, {});
    return true;
  };
  failed(await copyImage(source, "v1", target, ["v1"], { referrers: false }), "RegistryRefused");
  to.intercept = () => false;
  valued(await copyImage(source, "v1", target, ["v1"], { referrers: false }));
});

test("an index that names manifests by another hash than sha256 is not copied without them", async (t) => {
  const content = createContent();
  const known = addArtifact(content, wasm("known", 100));
  const other = { ...known, digest: `sha512:${"a".repeat(128)}` };
  addDocument(content, manifestTypes.ociIndex, { schemaVersion: 2, manifests: [known, other] }, "v1");
  const fake = await startFakeRegistry(content);
  const to = await startFakeRegistry();
  t.after(() => Promise.all([fake.stop(), to.stop()]));
  const { repository: source } = valued(openReference(`${fake.host}/team/f:v1`, new Map(), {}));
  const { repository: target } = valued(openReference(`${to.host}/team/f:v1`, new Map(), {}));
  const failure = failed(await copyImage(source, "v1", target, ["v1"], { referrers: false }), "InvalidManifest");
  assert.match(failure.message, /names 1 manifests by another hash than sha256; copy it with the tool that made it/);
  assert.equal(to.content.manifests.size, 0);
});
