import assert from "node:assert/strict";
import { test } from "node:test";
import { checkExposure, type Exposure } from "./exposure.ts";

const LOCAL = { host: "127.0.0.1", port: 1 };
const WIDE = { host: "0.0.0.0", port: 1 };
const none: Exposure = {
  xds: LOCAL,
  http: LOCAL,
  hasTls: false,
  asksProxies: false,
  asksReaders: false,
  insecureXds: false,
  insecureHttp: false,
};

/** The warnings, or why it is refused. */
function check(given: Partial<Exposure>): readonly string[] | string {
  const checked = checkExposure({ ...none, ...given });
  return checked.ok ? checked.value : checked.error.message;
}

test("on loopback nothing is asked for", () => {
  assert.deepEqual(check({}), []);
  assert.deepEqual(check({ xds: { host: "localhost", port: 1 }, http: { host: "::1", port: 1 } }), []);
});

test("beyond loopback the xDS port needs TLS and clients that say who they are, or --insecure-xds, which is warned of", () => {
  for (const given of [{}, { asksProxies: true }])
    assert.match(String(check({ ...given, xds: WIDE })), /is in plaintext, and 0.0.0.0:1 .*--insecure-xds/);
  assert.match(String(check({ xds: WIDE, hasTls: true })), /asks nobody who they are.*--insecure-xds/);
  assert.deepEqual(check({ xds: WIDE, hasTls: true, asksProxies: true }), []);
  assert.deepEqual(check({ xds: WIDE, insecureXds: true }), ["the xDS port is in plaintext, and 0.0.0.0:1 is reached from other machines"]);
  assert.match(String(check({ xds: { host: "127.example.org", port: 1 } })), /--insecure-xds/);
});

test("beyond loopback the read API needs a token file, or --insecure-http, which is warned of", () => {
  assert.match(String(check({ http: WIDE, insecureXds: true })), /the read API asks nobody.*--insecure-http/);
  assert.deepEqual(check({ http: WIDE, asksReaders: true }), []);
  assert.deepEqual(check({ http: WIDE, insecureHttp: true }), [
    "the read API asks nobody who they are, and 0.0.0.0:1 is reached from other machines",
  ]);
});
