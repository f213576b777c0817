import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Keychain } from "../model/module.ts";
import { pushModule } from "../oci/index.ts";
import { valued } from "../oci/testing/result.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { startTokenServer, type TokenServer } from "./support/token-server.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, type Weir } from "./support/weir.ts";

/** A real registry with token authentication, which tells a real Weir of its tags, and 200 filters on one digest. */
const SECRET = "0123456789abcdef0123456789abcdef";
const FILTERS = 200;

let tokens: TokenServer;
let registry: Registry;
let server: Weir;
let filters: string;
const open: (() => Promise<unknown>)[] = [];

const keychainOf = (username: string): Keychain => new Map([[registry.host, [{ username, password: `pw-${username}` }]]]);
const push = async (repository: string, value: string) =>
  valued(
    await pushModule(`${registry.host}/${repository}`, await headerFilter({ name: "x-v", value }), {
      keychain: keychainOf("writer"),
      plainHttp: [new URL(String(tokens.configuration.realm)).host],
    }),
  ).digest;

before(async () => {
  const folder = await createTempFolder("registry-tells");
  open.push(folder.remove);
  tokens = await startTokenServer({
    writer: { password: "pw-writer", may: { "": ["pull", "push"] } },
    reader: { password: "pw-reader", may: { team: ["pull"] } },
  });
  open.push(tokens.stop);
  const port = await reservePort();
  const page = await createSnippets("images");
  const { notifications } = page.yaml("notifications") as { notifications: { endpoints: Record<string, unknown>[] } };
  const [endpoint] = notifications.endpoints;
  assert.deepEqual(endpoint?.headers, { Authorization: ["Bearer SECRET"] });
  const here = { ...endpoint, url: `http://127.0.0.1:${port}/`, headers: { Authorization: [`Bearer ${SECRET}`] } };
  registry = await startRegistry({ tokens, notifications: { endpoints: [here] } });
  open.push(registry.stop);
  filters = join(folder.path, "filters");
  await mkdir(filters);
  const auth = join(folder.path, "auth.json");
  await writeFile(auth, JSON.stringify({ auths: { [registry.host]: { username: "reader", password: "pw-reader" } } }));
  const secret = join(folder.path, "secret");
  await writeFile(secret, `${SECRET}\n`);
  const flags = ["--registry-auth-file", auth, "--registry-webhook-address", `127.0.0.1:${port}`, "--registry-webhook-secret-file", secret];
  const plain = ["--plain-http", new URL(String(tokens.configuration.realm)).host];
  server = await startWeir({ source: ["--filters", filters], data: join(folder.path, "data"), flags: [...flags, ...plain] });
  open.push(server.stop);
});

after(async () => {
  for (const stop of open.toReversed()) await stop();
});

const manifest = (name: string, spec: object, namespace = "shop") =>
  writeFile(
    join(filters, `${namespace}-${name}.json`),
    JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace }, spec }),
  );

describe("a registry that tells", () => {
  test("has a moved tag, and a new one in a range, looked at at once, with a token for that repository", async (t) => {
    const first = await push("team/f:1.0.0", "one");
    await manifest("by-tag", { image: `${registry.host}/team/f:1.0.0`, pullPolicy: "Always", interval: "1h" });
    await manifest("by-range", { image: `${registry.host}/team/f`, tagPolicy: { semver: "1.x" }, pullPolicy: "Always", interval: "1h" });
    for (const name of ["by-tag", "by-range"])
      await server.until("the first digest", name, ({ status }) => status?.digest === first || status?.resolved?.digest === first);
    const from = performance.now();
    const [moved, newer] = [await push("team/f:1.0.0", "two"), await push("team/f:1.1.0", "three")];
    await server.until("the moved tag", "by-tag", ({ status }) => status?.resolved?.digest === moved);
    await server.until("the new tag", "by-range", ({ status }) => status?.resolved?.tag === "1.1.0" && status.resolved.digest === newer);
    t.diagnostic(`seen ${Math.round(performance.now() - from)} ms after the first push`);
    assert.ok(tokens.issued.includes("reader: repository:team/f:pull"));
  });

  test("an image that was missing is there as soon as it is pushed", async () => {
    await manifest("late", { image: `${registry.host}/team/late:1`, interval: "1h" });
    await server.until(
      "a missing image",
      "late",
      ({ status }) => status?.conditions?.some(({ reason }) => reason === "ImageNotFound") === true,
    );
    const digest = await push("team/late:1", "late");
    await server.until("the image", "late", ({ status }) => status?.resolved?.digest === digest);
  });

  test("a repository that the token does not cover is denied", async () => {
    await push("private/f:1", "private");
    await manifest("denied", { image: `${registry.host}/private/f:1` });
    const { status } = await server.until(
      "a refusal",
      "denied",
      ({ status }) => status?.conditions?.some(({ reason }) => reason === "AccessDenied") === true,
    );
    assert.ok(!JSON.stringify(status).includes("pw-reader"));
  });
});

test(`${FILTERS} filters on one digest in four namespaces: one download in the registry's log`, async (t) => {
  const digest = await push("team/many:1", "many");
  const from = performance.now();
  for (let i = 0; i < FILTERS; i++) await manifest(`many-${i}`, { image: `${registry.host}/team/many:1` }, `ns-${i % 4}`);
  for (let i = 0; i < FILTERS; i++) await server.until("the digest", `many-${i}`, ({ status }) => status?.resolved?.digest === digest);
  const ms = Math.round(performance.now() - from);
  const seen = (method: string, kind: string) =>
    registry
      .logs()
      .split("\n")
      .filter((line) => line.includes(`"${method} /v2/team/many/${kind}/`)).length;
  const gets = await eventually("the registry's log", async () => (seen("GET", "blobs") > 0 ? seen("GET", "blobs") : undefined));
  t.diagnostic(
    `${FILTERS} filters in ${ms} ms: ${gets} GET of a blob, ${seen("GET", "manifests")} of a manifest, ${seen("HEAD", "manifests")} HEAD`,
  );
  assert.equal(gets, 1);
});
