import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { installFaketime } from "../scripts/tools/debian.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { startEnvoy } from "./support/envoy.ts";
import { swapData } from "./support/mounted-folder.ts";
import { eventually } from "./support/process.ts";
import { stat } from "./support/scene.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, weir } from "./support/weir.ts";

/** A server with an authority of its own, an app, and a filter whose header tells its release. */
async function startWorld(t: TestContext, flags: readonly string[] = [], serverEnv: Readonly<Record<string, string>> = {}) {
  const { path: folder, remove } = await createTempFolder("identity");
  t.after(remove);
  await mkdir(join(folder, "filters"));
  const server = await startWeir({
    source: ["--filters", "filters"],
    data: "data",
    cwd: folder,
    flags: ["--xds-tls", "auto", ...flags],
    env: serverEnv,
  });
  t.after(server.stop);
  const app = await startEchoApp();
  t.after(app.stop);
  const release = async (value: string) => {
    const image = `oci-layout:images:${value}`;
    const pushed = await pushModule(image, await headerFilter({ name: "x-weir", value }), { keychain: new Map(), layoutBase: folder });
    assert.ok(pushed.ok);
    const metadata = { name: "mark", namespace: "shop" };
    const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata, spec: { image } };
    await writeFile(join(folder, "filters", "mark.json"), JSON.stringify(manifest));
  };
  /** Runs `weir bootstrap` with these words, and Envoy with what it wrote into `out`. */
  const startProxy = async (words: readonly string[], out: string) => {
    const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
    t.diagnostic((await weir(["bootstrap", ...words, ...where], { cwd: folder })).trim());
    const envoy = await startEnvoy({ config: await readFile(join(folder, out, "envoy.yaml"), "utf8"), log: "warning" });
    t.after(() => envoy.stop());
    const port = await envoy.port();
    return { envoy, mark: async () => (await get(port)).headers["x-weir"] };
  };
  await release("one");
  return { folder, server, release, startProxy };
}

test("without a cluster: serve --xds-tls auto, identity issue, and the bootstrap that it tells; a certificate is rotated by a swapped link before it ends", async (t) => {
  const { folder, server, release, startProxy } = await startWorld(t);
  const issue = (node: string, out: string, validFor: string) =>
    weir(["identity", "issue", "--node", node, "--namespace", "shop", "--data", "data", "--out", out, "--valid-for", validFor], {
      cwd: folder,
    });
  const told = await issue("web-1", "web-1/first", "75s");
  t.diagnostic(told.trim());
  assert.match(
    told,
    /^ {2}next {2}weir bootstrap --node web-1 --namespace shop --xds 127.0.0.1:18000 --tls-ca web-1\/first\/ca.crt .* --out web-1\/first$/m,
  );
  await issue("web-2", "web-1/second", "24h");
  await issue("web-1", "web-1/third", "24h");
  const dir = join(folder, "web-1");
  await swapData(dir, "first");
  for (const name of ["ca.crt", "tls.crt", "tls.key"]) await symlink(`..data/${name}`, join(dir, name));
  const [, next = ""] = /^ {2}next {2}weir bootstrap (.*)$/m.exec(told) ?? [];
  const { envoy, mark } = await startProxy(
    next.replace("--xds 127.0.0.1:18000 ", "").replaceAll("web-1/first", "web-1").split(" "),
    "web-1",
  );
  await soon(mark, "one");
  assert.deepEqual(
    (await server.proxies()).map(({ id, namespace }) => `${namespace}/${id}`),
    ["shop/web-1"],
  );

  // The server asks it to come back a minute before the end: with the certificate of another node it is refused, in words.
  await swapData(dir, "second");
  const refused = /node.id is web-1, and this client proved that it is web-2/;
  await eventually("the other node's certificate at the server", async () => refused.test(server.logs()), 30_000);
  assert.equal(await mark(), "one");
  await swapData(dir, "third");
  await release("two");
  await eventually("the second release", async () => (await mark()) === "two", 30_000);
  t.diagnostic(`connections of this Envoy: ${await stat(envoy, "cluster.weir_xds.upstream_cx_total")}`);
});

const lacksFaketime = await installFaketime().then(
  () => false as const,
  (error: Error) => error.message,
);

for (const [offset, seen] of [
  ["+300s", "behind"],
  ["-300s", "ahead"],
] as const)
  test(`proxies whose clocks are five minutes ${seen} are served: certificates have begun by then, and have days left`, {
    skip: lacksFaketime,
  }, async (t) => {
    // Weir's clock is the one that is off: Envoy does not start with the library that does it.
    const env = { LD_PRELOAD: await installFaketime(), FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
    const { folder, server, startProxy } = await startWorld(t, [], env);
    const made = await weir(["identity", "issue", "--node", "web-1", "--namespace", "shop", "--data", "data", "--out", "web-1"], {
      cwd: folder,
      env,
    });
    const [, next = ""] = /^ {2}next {2}weir bootstrap (.*)$/m.exec(made) ?? [];
    const { mark } = await startProxy(next.replace("--xds 127.0.0.1:18000 ", "").split(" "), "web-1");
    await soon(mark, "one");
    const off = Date.parse((await fetch(`${server.url}/healthz`)).headers.get("date") ?? "") - Date.now();
    t.diagnostic(`Weir's clock is off by ${(off / 1_000).toFixed(0)} s`);
    assert.ok(Math.abs(off) > 290_000);
  });

test("a token proves who a proxy is; it is rotated by a swapped link, and one that left the server's file ends its stream", async (t) => {
  const { path: secrets, remove } = await createTempFolder("tokens");
  t.after(remove);
  const [first, second, reader] = ["first-aaaaaaaaaaaaaaaaaaaa", "second-bbbbbbbbbbbbbbbbbbbb", "reader-cccccccccccccccccccc"];
  const known = (...tokens: string[]) =>
    JSON.stringify([...tokens.map((token) => ({ token, namespace: "shop" })), { token: reader, role: "reader" }]);
  await writeFile(join(secrets, "tokens.yaml"), known(first, second));
  await writeFile(join(secrets, "reader"), `${reader}\n`);
  const { folder, server, release, startProxy } = await startWorld(t, ["--token-auth-file", join(secrets, "tokens.yaml")]);
  for (const [name, token] of Object.entries({ first, second })) {
    await mkdir(join(secrets, "proxy", name), { recursive: true });
    await writeFile(join(secrets, "proxy", name, "token"), `${token}\n`);
  }
  await swapData(join(secrets, "proxy"), "first");
  await symlink("..data/token", join(secrets, "proxy", "token"));
  const words = ["--node", "web-1", "--namespace", "shop", "--token-file", join(secrets, "proxy/token")];
  const { mark } = await startProxy([...words, "--tls-ca", "data/private/ca/ca.crt", "--out", "web-1"], "web-1");
  await soon(mark, "one");

  await swapData(join(secrets, "proxy"), "second");
  await writeFile(join(secrets, "tokens.yaml"), known(second));
  await eventually("the file to be read anew", async () => server.logs().includes("the token file is read anew"), 15_000);
  await release("two");
  await eventually("the second release", async () => (await mark()) === "two", 30_000);

  assert.equal((await fetch(`${server.url}/api/v1/proxies`)).status, 401);
  assert.match(
    await weir(["proxies", "--server", server.url, "--token-file", join(secrets, "reader")], { cwd: folder }),
    /web-1 .*updated/,
  );
});
