import assert from "node:assert/strict";
import { test } from "node:test";
import { readCredentials } from "./bootstrap-files.ts";

const LOCAL = { host: "127.0.0.1", port: 1 };
const REMOTE = { host: "weir.example", port: 1 };
type Values = Parameters<typeof readCredentials>[0];
const none: Values = {
  "tls-ca": undefined,
  "tls-cert": undefined,
  "tls-key": undefined,
  "tls-server-name": undefined,
  "token-file": undefined,
  out: undefined,
};

test("paths become absolute, and the server's name is the host that is connected to", () => {
  const read = readCredentials({ ...none, "tls-ca": "/a/ca.crt", "tls-cert": "/a/tls.crt", "tls-key": "/a/tls.key", out: "/b" }, REMOTE);
  assert(read.ok);
  assert.deepEqual(read.value, {
    tls: { ca: "/a/ca.crt", own: { cert: "/a/tls.crt", key: "/a/tls.key" }, serverName: "weir.example" },
    tokenFile: undefined,
    folder: "/b",
  });
  const named = readCredentials({ ...none, "tls-ca": "ca.crt", "tls-server-name": "other", out: "b" }, REMOTE);
  assert(named.ok);
  assert.equal(named.value?.tls?.serverName, "other");
  assert.match(named.value?.tls?.ca ?? "", /^\/.*\/ca.crt$/);
  assert.deepEqual(readCredentials(none, REMOTE), { ok: true, value: undefined });
});

test("what cannot work is wrong usage: half a pair, no authority, a token in plaintext, no folder", () => {
  for (const [given, xds, why] of [
    [{ "tls-cert": "a" }, REMOTE, /need each other/],
    [{ "tls-cert": "a", "tls-key": "b" }, REMOTE, /need --tls-ca/],
    [{ "token-file": "a", out: "b" }, REMOTE, /--token-file needs --tls-ca/],
    [{ "tls-ca": "a" }, REMOTE, /need --out DIR/],
  ] as const) {
    const read = readCredentials({ ...none, ...given }, xds);
    assert(!read.ok);
    assert.match(read.error.message, why);
  }
  assert(readCredentials({ ...none, "token-file": "a", out: "b" }, LOCAL).ok);
});
