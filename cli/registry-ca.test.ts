import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createAuthority } from "../base/testing/certificates.ts";
import { readRegistryCa } from "./registry-ca.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-ca-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

test("certificates of files and of folders are read, whatever stands around them", async () => {
  const [one, two] = [createAuthority("One").cert.trim(), createAuthority("Two").cert.trim()];
  const certificates = join(folder, "certificates");
  mkdirSync(certificates);
  for (const [name, text] of Object.entries({ "a.crt": two, "b.pem": `text\n${one}\nmore`, "c.txt": "x" }))
    writeFileSync(join(certificates, name), text);
  assert.deepEqual(await readRegistryCa([certificates, file("both.pem", `${one}\n${two}`)]), { ok: true, value: [two, one, one, two] });
  assert.deepEqual(await readRegistryCa([]), { ok: true, value: [] });
});

test("what holds no certificates is named", async () => {
  mkdirSync(join(folder, "empty"));
  for (const [path, says] of [
    [join(folder, "nowhere"), /nowhere is not there/],
    [join(folder, "empty"), /empty holds no certificate; it is to be PEM/],
    [file("text", "hello"), /text holds no certificate/],
    [file("large", "x".repeat((1 << 20) + 1)), /large is larger than 1 MiB/],
  ] as const) {
    const read = await readRegistryCa([path]);
    assert.ok(!read.ok && read.error.reason === "BadRegistryCa");
    assert.match(read.error.message, says);
  }
});
