import assert from "node:assert/strict";
import { test } from "node:test";
import { readTrustRoot } from "./trust-root.ts";

test("a trust root with more authorities or logs than would be tried in a moment is refused, and says so", () => {
  const authority = { certChain: { certificates: [{ rawBytes: "AAAA" }] } };
  const many = <T>(entry: T) => Array.from({ length: 33 }, () => entry);
  const chain = { certChain: { certificates: many({ rawBytes: "AAAA" }) } };
  for (const document of [
    { certificateAuthorities: many(authority) },
    { timestampAuthorities: many(authority) },
    { tlogs: many({ baseUrl: "https://log.example" }) },
    { ctlogs: many({ baseUrl: "https://log.example" }) },
    { certificateAuthorities: [chain] },
  ]) {
    const read = readTrustRoot(JSON.stringify(document));
    assert.match(read.ok ? "" : read.error.message, /^the trust root names more than 32 of a kind; /);
  }
});
