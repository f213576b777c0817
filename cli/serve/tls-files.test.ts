import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { SecureContextOptions } from "node:tls";
import { createAuthority } from "../../base/testing/certificates.ts";
import { createLooks } from "../testing/looks.ts";
import { openTls, type TlsFiles } from "./tls-files.ts";

const authority = createAuthority("authority");
const [first, second] = [authority.issue("first"), authority.issue("second")];
let dir = "";
let files: TlsFiles;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "weir-tls-"));
  files = { cert: join(dir, "tls.crt"), key: join(dir, "tls.key"), clientCa: undefined };
  write(first.cert, first.key);
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(cert: string, key: string): void {
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
}

async function failure(changed: Partial<TlsFiles> = {}): Promise<string> {
  const opened = await openTls({ ...files, ...changed });
  assert(!opened.ok);
  return opened.error.message.replaceAll(dir, "DIR");
}

describe("TLS files at the start", () => {
  test("are served with; client certificates are asked for when there is an authority for them", async () => {
    const plain = await openTls(files);
    assert(plain.ok && plain.value !== undefined);
    assert.deepEqual(plain.value.options, { ...first, requestCert: false, rejectUnauthorized: false });
    writeFileSync(join(dir, "ca.crt"), authority.cert);
    const mutual = await openTls({ ...files, clientCa: join(dir, "ca.crt") });
    assert(mutual.ok && mutual.value !== undefined);
    assert.deepEqual(mutual.value.options, { ...first, ca: authority.cert, requestCert: true, rejectUnauthorized: false });
    assert.deepEqual(await openTls(undefined), { ok: true, value: undefined });
  });

  test("that cannot be used are named with the reason, and the key is never shown", async () => {
    assert.match(await failure({ cert: join(dir, "none") }), /^--xds-tls-cert DIR\/none cannot be read: ENOENT/);
    assert.match(await failure({ clientCa: dir }), /^--xds-client-ca DIR cannot be read: EISDIR/);
    write(first.cert, second.key);
    assert.equal(await failure(), "--xds-tls-key DIR/tls.key is not the key of the certificate in DIR/tls.crt");
    write(first.key, first.cert);
    assert.match(await failure(), /^--xds-tls-cert DIR\/tls.crt holds no certificate/);
    write(first.cert, first.cert);
    assert.match(await failure(), /^--xds-tls-key DIR\/tls.key holds no private key/);
    write(first.cert, first.key);
    writeFileSync(join(dir, "ca.crt"), first.key);
    const message = await failure({ clientCa: join(dir, "ca.crt") });
    assert.match(message, /^--xds-client-ca DIR\/ca.crt holds no certificate/);
    assert.doesNotMatch(message, /PRIVATE/);
  });
});

describe("TLS files that change", () => {
  /** Applied contexts and error lines; `look` is one look at the files. */
  async function watch() {
    const applied: SecureContextOptions[] = [];
    const looks = createLooks();
    const opened = await openTls(files);
    assert(opened.ok && opened.value !== undefined);
    const stop = opened.value.watch({ setSecureContext: (context) => void applied.push(context) }, looks.log, looks.clock);
    return { applied, stop, ...looks };
  }

  test("are taken once, and not at all when they are what is in use", async () => {
    const { applied, look, stop, pending } = await watch();
    await look();
    assert.deepEqual(applied, []);
    write(second.cert, second.key);
    await look();
    await look();
    assert.deepEqual(applied, [second]);
    stop();
    assert.equal(pending(), 0);
  });

  test("are seen when a symbolic link on the way to them is swapped", async () => {
    const link = join(dir, "current");
    for (const [name, { cert, key }] of Object.entries({ first, second })) {
      files = { cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`), clientCa: undefined };
      write(cert, key);
    }
    symlinkSync(join(dir, "first.crt"), `${link}.crt`);
    symlinkSync(join(dir, "first.key"), `${link}.key`);
    files = { cert: `${link}.crt`, key: `${link}.key`, clientCa: undefined };
    const { applied, look } = await watch();
    for (const end of ["crt", "key"]) {
      unlinkSync(`${link}.${end}`);
      symlinkSync(join(dir, `second.${end}`), `${link}.${end}`);
    }
    await look();
    assert.deepEqual(applied, [second]);
  });

  test("and cannot be used are logged once; what was read before stays, until they can be", async () => {
    const { applied, errors, look } = await watch();
    writeFileSync(files.cert, second.cert);
    await look();
    await look();
    assert.deepEqual(applied, []);
    assert.equal(errors.length, 1);
    assert.match(errors[0] ?? "", /^the new TLS files cannot be used; those before stay in use: --xds-tls-key .* is not the key/);
    writeFileSync(files.key, second.key);
    await look();
    assert.deepEqual(applied, [second]);
  });
});
