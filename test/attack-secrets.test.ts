import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { canonicalJson } from "../base/json.ts";
import type { Revision } from "../model/revision.ts";
import { pushModule } from "../oci/index.ts";
import { type DeltaProxy, startDeltaProxy } from "./support/delta-proxy.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { assemble, headerFilter } from "./support/wat.ts";
import { condition, startWeir, type Weir } from "./support/weir.ts";

const WEIR = fileURLToPath(new URL("../bin/weir", import.meta.url));
const NAMESPACE = "shop";

/** Texts of Secrets, each with the module that gets it and the parts that may be nowhere: all of it is nobody's but Weir's and the proxies'. */
const SECRETS = {
  long: { text: `sk-live-${Array.from({ length: 20 }, (_, i) => `S3cr3tPart${String(i).padStart(2, "0")}`).join("-")}`, module: "echo" },
  basic: { text: "admin:hunter2-correct", module: "hex" },
  pin: { text: "pin 4938271 x", module: "echo" },
  refused: { text: "Zq7-refused-xK41vbQw", module: "tells-and-refuses" },
  trapped: { text: "Zq8-trapping-Yh27mnTc", module: "tells-and-traps" },
  nacked: { text: "Zq9-rejected-Lp93sdRf", module: "quiet" },
} as const;

const BASE = `(memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))`;
const GET = `(import "env" "proxy_get_buffer_bytes" (func $get (param i32 i32 i32 i32 i32) (result i32)))`;
const LOG = `(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))`;
const READ = `(drop (call $get (i32.const 7) (i32.const 0) (local.get 1) (i32.const 8) (i32.const 12)))`;
const SAY = `(drop (call $log (i32.const 4) (i32.const 1024) (local.get 1)))`;

/** Says its configuration when it gets it, then does this. */
const telling = (end: string) =>
  assemble(`(module ${GET} ${LOG} ${BASE} (func (export "proxy_on_configure") (param i32 i32) (result i32) ${READ} ${SAY} ${end}))`);

/** Puts the hex digits of its configuration into a request header, as others put base64 of a password or an HMAC. */
const hexing = () =>
  assemble(`(module ${GET}
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  ${BASE} (data (i32.const 100) "authorization")
  (func $h (param i32) (result i32) (i32.add (local.get 0) (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get 0) (i32.const 10)))))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (local $i i32)
    ${READ} (global.set $n (i32.mul (i32.const 2) (local.get 1)))
    (loop $l
      (i32.store8 (i32.add (i32.const 8192) (i32.mul (i32.const 2) (local.get $i))) (call $h (i32.shr_u (i32.load8_u (i32.add (i32.const 1024) (local.get $i))) (i32.const 4))))
      (i32.store8 (i32.add (i32.const 8193) (i32.mul (i32.const 2) (local.get $i))) (call $h (i32.and (i32.load8_u (i32.add (i32.const 1024) (local.get $i))) (i32.const 15))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 1))))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $add (i32.const 0) (i32.const 100) (i32.const 13) (i32.const 8192) (global.get $n))) (i32.const 0)))`);

async function pushModules(folder: string): Promise<void> {
  const modules = {
    echo: await headerFilter({ name: "x-api-key", value: { from: "configuration" }, on: "request" }),
    hex: await hexing(),
    "tells-and-refuses": await telling("(i32.const 0)"),
    "tells-and-traps": await telling("unreachable"),
    quiet: await headerFilter({ name: "x-quiet", value: "1" }),
  };
  for (const [tag, bytes] of Object.entries(modules)) {
    const pushed = await pushModule(`oci-layout:images:${tag}`, bytes, { keychain: new Map(), layoutBase: folder });
    assert.ok(pushed.ok);
  }
}

async function writeManifests(filters: string): Promise<void> {
  const put = (file: string, value: unknown) => writeFile(join(filters, file), typeof value === "string" ? value : JSON.stringify(value));
  const meta = (name: string) => ({ name, namespace: NAMESPACE });
  const filter = (name: string, spec: object) =>
    put(`${name}.json`, { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: meta(name), spec });
  for (const [name, { text, module }] of Object.entries(SECRETS)) {
    await put(`${name}-secret.json`, { apiVersion: "v1", kind: "Secret", metadata: meta(name), stringData: { c: text } });
    const slot = name === "nacked" ? "risky" : "default";
    await filter(name, { image: `oci-layout:images:${module}`, slot, configFrom: { secretKeyRef: { name, key: "c" } } });
  }
  // What cannot be read of a Secret must not be quoted either.
  const docker = (name: string, text: string) =>
    put(`${name}-secret.json`, { apiVersion: "v1", kind: "Secret", metadata: meta(name), stringData: { ".dockerconfigjson": text } });
  await docker("not-json", `{"auths": Zq1-not-json`);
  await docker("bad-entry", JSON.stringify({ auths: { "Zq2-entry-name": "Zq3-entry-value" } }));
  for (const name of ["not-json", "bad-entry"]) await filter(name, { image: "127.0.0.1:9/f:1", pullSecrets: [{ name }] });
  await put("cut-off.json", `{"apiVersion": "v1", "kind": "Secret", "stringData": {"c": "Zq4-cut-off`);
  await put("bad-yaml.yaml", `apiVersion: v1\nkind: Secret\nmetadata: {name: y}\nstringData: {c: "Zq5-bad-yaml\n`);
  await put("bad-base64.json", { apiVersion: "v1", kind: "Secret", metadata: meta("b"), data: { c: "Zq6-not-base64!" } });
}

/** What a text could be found as: itself, its first part, and what modules make of texts. */
function formsOf(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const whole = [text, bytes.toString("base64"), bytes.toString("base64url"), bytes.toString("hex"), [...text].reverse().join("")];
  const parts = [...whole, text.toUpperCase(), text.toLowerCase(), encodeURIComponent(text)].map((form) => form.slice(0, 10));
  return [...new Set([...parts, text.slice(-8), hash("sha256", text).slice(0, 12)])];
}

const FORMS = [
  ...Object.values(SECRETS).flatMap(({ text }) => formsOf(text)),
  ...["Zq1-", "Zq2-", "Zq3-", "Zq4-", "Zq5-", "Zq6-", "4938271", "hunter2"],
];

async function* filesOf(folder: string): AsyncGenerator<string> {
  for (const path of await readdir(folder, { recursive: true })) {
    const file = join(folder, path);
    if (path !== "private/key" && (await stat(file)).isFile()) yield file;
  }
}

/** All that Weir shows or keeps, by where. */
async function everything(server: Weir, data: string): Promise<ReadonlyMap<string, string>> {
  const shown = new Map<string, string>([["the log", server.logs()]]);
  const names = [...Object.keys(SECRETS), "not-json", "bad-entry"];
  const paths = ["api/v1/filters", "api/v1/proxies", "metrics", "openapi.json", "healthz", "readyz"];
  paths.push(...names.flatMap((name) => [`api/v1/filters/${NAMESPACE}/${name}`, `api/v1/filters/${NAMESPACE}/${name}/revisions`]));
  for (const path of paths) shown.set(path, await (await fetch(`${server.url}/${path}`)).text());
  for await (const file of filesOf(data)) shown.set(file, await readFile(file, "latin1"));
  const commands = [
    ["get", "-A"],
    ["proxies"],
    ...names.flatMap((name) =>
      [
        ["describe", name],
        ["history", name],
      ].map((words) => [...words, "-n", NAMESPACE]),
    ),
  ];
  for (const words of commands) {
    const { stdout, stderr } = spawnSync(WEIR, [...words, "--server", server.url], { encoding: "utf8" });
    shown.set(`weir ${words.join(" ")}`, stdout + stderr);
  }
  return shown;
}

test("what comes from a Secret is nowhere but in memory and on the proxies: no text, no part, nothing that a module, a proxy or an error makes of it", async (t) => {
  const folder = await createTempFolder("attack-secrets");
  t.after(() => folder.remove());
  const [filters, data] = [join(folder.path, "filters"), join(folder.path, "data")];
  await mkdir(filters);
  await pushModules(folder.path);
  const server = await startWeir({ source: ["--filters", filters], data, cwd: folder.path, flags: ["--log-level", "debug"] });
  t.after(() => server.stop());
  const proxies: DeltaProxy[] = ["web-1", "web-2"].map((id) =>
    startDeltaProxy(server.xdsPort, { id, namespace: NAMESPACE, filterChain: true, names: ["weir/default", "weir/risky"] }),
  );
  t.after(() => {
    for (const proxy of proxies) proxy.close();
  });
  const words = SECRETS.nacked.text;
  const quoting = `Unable to create Wasm plugin ${NAMESPACE}/nacked: ${words} ${words.toUpperCase()} ${Buffer.from(words).toString("base64")}`;
  for (const proxy of proxies) proxy.refuse("weir/risky", quoting, words);
  await writeManifests(filters);
  for (const name of ["long", "basic", "pin"] as const)
    await server.until(`${name} to be ready`, name, (filter) => condition(filter, "Ready") === "True Ready");
  for (const name of ["refused", "trapped"]) {
    const filter = await server.until(`${name} to be refused`, name, (each) => condition(each, "Validated").startsWith("False"));
    const message = filter.status?.conditions?.find(({ type }) => type === "Validated")?.message ?? "";
    assert.match(message, /its configuration comes from a Secret, so what it said is not shown/);
  }
  for (const name of ["not-json", "bad-entry"])
    await server.until(`${name} to be refused`, name, (filter) => condition(filter, "Resolved") === "False PullSecretInvalid");
  const nacked = await server.until("the rejection", "nacked", ({ status }) => status?.rollout?.state === "Rejected");
  assert.match(nacked.status?.rollout?.message ?? "", /Unable to create Wasm plugin shop\/nacked; the proxy's log has the rest/);
  await eventually(
    "the problems of the manifests in the log",
    async () => /cut-off/.test(server.logs()) && /bad-base64/.test(server.logs()),
  );

  const shown = await everything(server, data);
  let length = 0;
  for (const [where, text] of shown) {
    length += text.length;
    for (const form of FORMS) assert.ok(!text.includes(form), `${JSON.stringify(form)} is in ${where}: ${around(text, form)}`);
  }
  t.diagnostic(
    `${FORMS.length} forms of ${Object.keys(SECRETS).length + 5} texts sought in ${shown.size} places, ${length} characters: 0 found`,
  );
});

test("whoever reads a revision's record cannot try guesses of its text: not even the right one gives a hash that is in it", async (t) => {
  const folder = await createTempFolder("attack-guesses");
  t.after(() => folder.remove());
  const [filters, data] = [join(folder.path, "filters"), join(folder.path, "data")];
  await mkdir(filters);
  await pushModules(folder.path);
  await writeManifests(filters);
  const server = await startWeir({ source: ["--filters", filters], data, cwd: folder.path });
  t.after(() => server.stop());
  await server.until("a revision", "pin", ({ status }) => status?.stableRevision === 1);
  const read = async (name: string) =>
    (await (await fetch(`${server.url}/api/v1/filters/${NAMESPACE}/${name}/revisions`)).json()) as Revision[];
  const [stored = assert.fail("no revision")] = await read("pin");
  assert.match(stored.hash, /^v2:[0-9a-f]{32}:hmac:[0-9a-f]{8}:[0-9a-f]{32}$/);
  const [, open = "", , , mac = ""] = stored.hash.split(":");
  let tried = 0;
  const began = performance.now();
  for (let pin = 4_930_000; pin < 4_940_000; pin++) {
    const guess = `pin ${pin} x`;
    const { type, slot, priority, rootId, failurePolicy, env } = stored.settings;
    const one = [`${NAMESPACE}/pin`, stored.digest, stored.wasmDigest, type, slot, priority, guess, rootId, failurePolicy, env, null];
    for (const text of [canonicalJson([open, guess]), JSON.stringify(one), guess]) {
      tried++;
      assert.ok(!JSON.stringify(stored).includes(hash("sha256", text).slice(0, 12)));
    }
  }
  const long = await read("long");
  assert.notEqual(long[0]?.hash.split(":")[4], mac);
  t.diagnostic(
    `${tried} guesses in ${(performance.now() - began).toFixed(0)} ms, the right one among them: none can be told from the others`,
  );
});

test("a private key that is lost moves nothing: no new revision, no byte pushed; a key that others may read is refused", async (t) => {
  const folder = await createTempFolder("attack-key");
  t.after(() => folder.remove());
  const [filters, data] = [join(folder.path, "filters"), join(folder.path, "data")];
  const key = join(data, "private/key");
  await mkdir(filters);
  await pushModules(folder.path);
  await writeManifests(filters);
  const server = await startWeir({ source: ["--filters", filters], data, cwd: folder.path });
  t.after(() => server.stop());
  const options = { id: "web-1", namespace: NAMESPACE, filterChain: true, names: ["weir/default"] };
  const first = startDeltaProxy(server.xdsPort, options);
  for (const name of ["pin", "long", "basic"]) await server.until(name, name, ({ status }) => status?.proxies?.updated === 1);
  const held = first.held();
  first.close();
  await server.stop();
  const before = await readFile(key);
  await rm(key);
  await server.start();
  assert.notDeepEqual(await readFile(key), before);
  const second = startDeltaProxy(server.xdsPort, { ...options, held });
  t.after(() => second.close());
  await server.until("the proxy to be back", "pin", ({ status }) => status?.proxies?.updated === 1 && status.stableRevision === 1);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.deepEqual(second.received, []);
  assert.equal((await server.filter("pin"))?.status?.revision, 1);
  await server.stop();
  await chmod(key, 0o644);
  const { status, stderr } = spawnSync(WEIR, ["serve", "--filters", filters, "--data", data, "--log-format", "text"], { encoding: "utf8" });
  assert.notEqual(status, 0);
  assert.match(stderr, /private\/key is open to others \(mode 644\); chmod 600 .*private\/key/);
  await chmod(key, 0o600);
  await server.start();
});

function around(text: string, form: string): string {
  const at = text.indexOf(form);
  return text.slice(Math.max(0, at - 300), at + 100);
}
