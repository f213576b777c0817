import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { SecureContextOptions } from "node:tls";
import { type Authority, createAuthority, fixedAuthority } from "../../cluster/index.ts";
import type { Clock } from "../../model/clock.ts";
import { silentLog } from "../../model/log.ts";
import { ownAuthority } from "../identity/authority.ts";
import { openOwnTls } from "./tls-auto.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-01-02T00:00:00Z");

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "weir-ca-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test("the authority is made once, by whoever asks first, and nobody else may read its key", async (t) => {
  const dir = folder(t);
  const all = await Promise.all([ownAuthority(dir, START), ownAuthority(dir, START), ownAuthority(dir, START)]);
  all.push(await ownAuthority(dir, START + DAY));
  assert.equal(new Set(all.map((one) => (one.ok ? one.value.cert : one.error.message))).size, 1);
  assert.equal(statSync(join(dir, "private")).mode & 0o777, 0o700);
  assert.equal(statSync(join(dir, "private/ca")).mode & 0o777, 0o700);
  assert.equal(statSync(join(dir, "private/ca/ca.key")).mode & 0o777, 0o600);
  chmodSync(join(dir, "private/ca/ca.key"), 0o640);
  const open = await ownAuthority(dir, START);
  assert(!open.ok);
  assert.match(open.error.message, /ca.key is open to others \(mode 640\); chmod 600/);
});

test("an authority on a volume that Kubernetes mounts again with fsGroup is the same one, for its owner alone", async (t) => {
  const dir = folder(t);
  const made = await ownAuthority(dir, START);
  for (const path of ["private", "private/ca"]) chmodSync(join(dir, path), 0o2770);
  for (const path of ["private/ca/ca.key", "private/ca/ca.crt"]) chmodSync(join(dir, path), 0o660);
  assert.deepEqual(await ownAuthority(dir, START), made);
  const modes = ["private", "private/ca", "private/ca/ca.key"].map((path) => statSync(join(dir, path)).mode & 0o777);
  assert.deepEqual(modes, [0o700, 0o700, 0o600]);
  chmodSync(join(dir, "private/ca"), 0o2770);
  chmodSync(join(dir, "private/ca/ca.key"), 0o664);
  assert(!(await ownAuthority(dir, START)).ok);
});

test("an authority that has ended is not used", async (t) => {
  const dir = folder(t);
  await ownAuthority(dir, START);
  const late = await ownAuthority(dir, START + 3651 * DAY);
  assert(!late.ok && /it has ended/.test(late.error.message));
});

function at(start: number) {
  let look = () => {};
  const clock = {
    time: start,
    now: () => clock.time,
    after(_ms: number, run: () => void) {
      look = run;
      return () => {};
    },
    look: () => look(),
  };
  return clock satisfies Clock;
}

test("the server's certificate has its names and a successor well before its end, from the authority that stays", async (t) => {
  const clock = at(START);
  const authority = await ownAuthority(folder(t), START);
  assert(authority.ok);
  const tls = openOwnTls(fixedAuthority(authority.value), ["0.0.0.0", "weir.example", "10.1.2.3"], clock);
  const { options } = tls;
  assert.deepEqual([options.requestCert, options.rejectUnauthorized], [true, false]);
  const first = new X509Certificate(String(options.cert));
  for (const name of ["weir.example", "localhost"]) assert.equal(first.checkHost(name), name);
  for (const address of ["10.1.2.3", "127.0.0.1", "::1"]) assert.equal(first.checkIP(address), address);
  assert.equal(first.checkIP("0.0.0.0"), undefined);
  assert.equal(first.validFromDate.getTime(), START - 5 * 60_000, "a proxy whose clock is five minutes behind takes it");
  const applied: SecureContextOptions[] = [];
  tls.watch({ setSecureContext: (context) => void applied.push(context) }, silentLog);
  clock.time += 2 * DAY;
  clock.look();
  assert.equal(applied.length, 0);
  clock.time += DAY;
  clock.look();
  assert.equal(applied.length, 1);
  const next = new X509Certificate(String(applied[0]?.cert));
  assert.equal(next.validToDate.getTime(), clock.time + 7 * DAY);
  assert.equal(applied[0]?.ca, options.ca);
  assert(next.verify(new X509Certificate(String(options.ca)).publicKey));
});

test("while authorities overlap, clients of each are asked for; the certificate changes when another one signs", () => {
  const [old, next] = [createAuthority("old", START, 100 * DAY), createAuthority("next", START, 100 * DAY)];
  let state = { signing: old, bundle: old.cert };
  let told = () => {};
  const authority: Authority = {
    signing: () => state.signing,
    current: () => state.bundle,
    onChange(listener) {
      told = listener;
      return () => {};
    },
    start: () => async () => {},
  };
  const applied: SecureContextOptions[] = [];
  const tls = openOwnTls(authority, [], at(START));
  tls.watch({ setSecureContext: (context) => void applied.push(context) }, silentLog);
  state = { signing: old, bundle: old.cert + next.cert };
  told();
  state = { signing: next, bundle: old.cert + next.cert };
  told();
  state = { signing: next, bundle: next.cert };
  told();
  const signer = (cert: unknown) => (new X509Certificate(String(cert)).verify(new X509Certificate(old.cert).publicKey) ? "old" : "next");
  assert.deepEqual(
    applied.map(({ cert, ca }) => [signer(cert), ca === old.cert + next.cert ? "both" : ca === next.cert ? "next" : "other"]),
    [
      ["old", "both"],
      ["next", "both"],
      ["next", "next"],
    ],
  );
});
