import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { pushModule } from "../oci/index.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { assemble } from "./support/wat.ts";
import { startWeir } from "./support/weir.ts";

const WEIR = fileURLToPath(new URL("../bin/weir", import.meta.url));
/** Sets the title, erases a line, moves up; C1's CSI; an override; a line break, and a line as the log has them. */
const HOSTILE = "boom\u001b]0;pwned\u0007\u001b[2K\u001b[1A\u009b31m\u202e\n2026-01-01T00:00:00.000Z INFO: forged";
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const FORGED = /^\s*2026-01-01T/m;

const bytes = Buffer.from(HOSTILE);
const escaped = [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
const BASE = `(memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))`;
const LOG = `(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))`;
const SAY = `(drop (call $log (i32.const 2) (i32.const 16) (i32.const ${bytes.length})))`;

/** What the command wrote, stdout and stderr. */
function weir(...words: string[]): string {
  const { stdout, stderr } = spawnSync(WEIR, words, { encoding: "utf8", env: { ...process.env, FORCE_COLOR: "" } });
  return stdout + stderr;
}

function assertHarmless(what: string, text: string): void {
  assert.doesNotMatch(text, ACTING, what);
  assert.doesNotMatch(text, FORGED, what);
}

test("what a module says reaches neither the terminal nor the log as it is", async (t) => {
  const folder = await createTempFolder("attack-terminal");
  t.after(() => folder.remove());
  const at = (name: string) => join(folder.path, name);
  const importing = await assemble(`(module (import "env" "${escaped}" (func)) ${BASE})`);
  const saying = await assemble(`(module ${LOG} ${BASE} (data (i32.const 16) "${escaped}")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) ${SAY} (i32.const 0)))`);
  const refusing = await assemble(`(module ${LOG} ${BASE} (data (i32.const 16) "${escaped}")
    (func (export "proxy_on_configure") (param i32 i32) (result i32) ${SAY.replace("i32.const 2)", "i32.const 4)")} (i32.const 0)))`);
  await writeFile(at("import.wasm"), importing);
  await writeFile(at("effect.wasm"), saying);
  await writeFile(at("refuse.wasm"), refusing);
  let checked = 0;
  const check = (...words: string[]) => {
    const text = weir(...words);
    assert.match(text, /boom/, words.join(" "));
    assertHarmless(words.join(" "), text);
    checked += text.length;
    return text;
  };
  for (const name of ["import.wasm", "refuse.wasm"]) check("verify", at(name));
  check("verify", at("effect.wasm"));
  check("inspect", at("import.wasm"));
  const json = JSON.parse(check("inspect", at("import.wasm"), "-o", "json"));
  assert.ok(JSON.stringify(json.imports).includes(JSON.stringify(HOSTILE).slice(1, -1)), "JSON stays the same data");

  await mkdir(at("filters"));
  const pushed = await pushModule("oci-layout:images:a", refusing, { keychain: new Map(), layoutBase: folder.path });
  assert.ok(pushed.ok);
  const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "a", namespace: "shop" } };
  await writeFile(at("filters/a.json"), JSON.stringify({ ...manifest, spec: { image: "oci-layout:images:a" } }));
  const server = await startWeir({ source: ["--filters", at("filters")], data: at("data"), cwd: folder.path });
  t.after(() => server.stop());
  await eventually("the refusal in the log", async () => /boom/.test(server.logs()));
  assertHarmless("the text log", server.logs());
  const where = ["--server", server.url, "--filters", at("filters")];
  check("describe", "a", "-n", "shop", ...where);
  assertHarmless("get", weir("get", "-A", ...where));
  t.diagnostic(`${checked} characters of output, 0 that act on a terminal`);
});
