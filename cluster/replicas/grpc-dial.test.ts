import assert from "node:assert/strict";
import { test } from "node:test";
import type { Authority } from "../authority/authority.ts";
import { type CertificateFiles, createAuthority } from "../authority/certificate.ts";
import { createGrpcDial } from "./grpc-dial.ts";
import { replicaUri } from "./identity.ts";

test("a certificate is made once for the calls of an hour, and anew by another authority", () => {
  const start = Date.now();
  let now = start;
  let signed = 0;
  const counted = ({ cert, key }: CertificateFiles): CertificateFiles => ({
    cert,
    get key() {
      signed += 1;
      return key;
    },
  });
  const made = (name: string) => counted(createAuthority(name, start, 86_400_000));
  let signing = made("first");
  const authority: Authority = {
    signing: () => signing,
    current: () => signing.cert,
    onChange: () => () => {},
    start: () => async () => {},
  };
  const dial = createGrpcDial({ authority, uri: replicaUri("weir-system", "weir"), now: () => now });
  const call = () => dial("127.0.0.1:1", "/weir.v1.Replicas/Join", { message() {}, drained() {}, closed() {} }).end();
  const madeBy = (steps: readonly (() => void)[]) => {
    signed = 0;
    for (const step of steps) step();
    return signed;
  };
  const once = madeBy([call]);
  assert.ok(once > 0);
  assert.equal(madeBy([call, call]), 0);
  now += 3_600_001;
  assert.equal(madeBy([call, call]), once);
  signing = made("second");
  assert.equal(madeBy([call, call]), once);
});
