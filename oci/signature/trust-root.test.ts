import assert from "node:assert/strict";
import { test } from "node:test";
import { readTrustRoot } from "./trust-root.ts";

test("a trust root with more authorities or logs than would be tried in a moment is refused, and says so", () => {
  const authority = { certChain: { certificates: [{ rawBytes: "AAAA" }] } };
  const many = <T>(entry: T) => Array.from({ length: 17 }, () => entry);
  const chain = { certChain: { certificates: many({ rawBytes: "AAAA" }) } };
  for (const document of [
    { certificateAuthorities: many(authority) },
    { timestampAuthorities: many(authority) },
    { tlogs: many({ baseUrl: "https://log.example" }) },
    { ctlogs: many({ baseUrl: "https://log.example" }) },
    { certificateAuthorities: [chain] },
  ]) {
    const read = readTrustRoot(JSON.stringify(document));
    assert.match(read.ok ? "" : read.error.message, /^the trust root names more than 16 of a kind; /);
  }
});

/** Of one key, with the same name; the second is a renewed one. */
const ROOT =
  "MIIBbTCCAROgAwIBAgIUNh+vWowK967aNr+DA6sWzAWdoqgwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBUjAeFw0yNjExMjYxOTMzNDBaFw0zNjExMjMxOTMzNDBaMAwxCjAIBgNVBAMMAVIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT0bgY85XGLvmxuVqdlTsFD8ShJgZpABOI8futOVBlr85kv9fNZMPc0rYUzpwDgyOy7an2uW6lZR4BCze50Q1fAo1MwUTAdBgNVHQ4EFgQUv7csDdVVJuqvvY40sJ5rNTUVvXgwHwYDVR0jBBgwFoAUv7csDdVVJuqvvY40sJ5rNTUVvXgwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBUeQTkrd3Z4iCELTGYwonfYZFeH/JTGPcA5xTwd3meTAIhAIcQno8uHumoZwa+WjuzOXSidLAJdGfZv6874PTWAozW";
const RENEWED =
  "MIIBbTCCAROgAwIBAgIUJx4W/etHhd3Tejhd3Wdi1ll1O9YwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBUjAeFw0yNjExMjYxOTMzNDBaFw0zNjExMjMxOTMzNDBaMAwxCjAIBgNVBAMMAVIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT0bgY85XGLvmxuVqdlTsFD8ShJgZpABOI8futOVBlr85kv9fNZMPc0rYUzpwDgyOy7an2uW6lZR4BCze50Q1fAo1MwUTAdBgNVHQ4EFgQUv7csDdVVJuqvvY40sJ5rNTUVvXgwHwYDVR0jBBgwFoAUv7csDdVVJuqvvY40sJ5rNTUVvXgwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA4SYvm4ye+JbcIIyYSx+sbN1uObt2xjOn5zIN7XZaCk8CIB8XKWBNwKYo4NXA+6vFNpSE2YCS9myv/ZrEV2O4RmEF";
/** Signed by that key. */
const INTERMEDIATE =
  "MIIBbDCCAROgAwIBAgIUB99MMciENbogpIfezKCrQdURE2owCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBUjAeFw0yNjExMjYxOTMzNDBaFw0zNjExMjMxOTMzNDBaMAwxCjAIBgNVBAMMAUkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATxP1fpcLk5lf5i6OVi3MIsl1d1ggMq9ohvIiFKei2mHZmPs+TA76L+K9DxMQImOCCXfmgwRgSMBkYWpjr/TRO1o1MwUTAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTyBrUMUnZVUN8MDN8ca4k/JB2rKjAfBgNVHSMEGDAWgBS/tywN1VUm6q+9jjSwnms1NRW9eDAKBggqhkjOPQQDAgNHADBEAiBFl7ysKiANA0q1ZxRr3KiTQaEgOXxHxbB9JlqpM3BwPQIgGxvL7508MHGZOfvbl0Xhcs3H6LV1XpktZOL01tIS1wI=";

test("certificates of an authority are one chain: of others there may be millions, or one without an end", () => {
  const said = (...certificates: readonly string[]) => {
    const certChain = { certificates: certificates.map((rawBytes) => ({ rawBytes })) };
    const read = readTrustRoot(JSON.stringify({ certificateAuthorities: [{ certChain, validFor: { start: "2020-01-01T00:00:00Z" } }] }));
    return read.ok ? "" : read.error.message;
  };
  for (const chain of [[ROOT], [INTERMEDIATE, ROOT], [INTERMEDIATE, RENEWED]]) assert.match(said(...chain), /names neither a log/);
  for (const other of [
    [INTERMEDIATE],
    [ROOT, INTERMEDIATE],
    [INTERMEDIATE, ROOT, RENEWED],
    [ROOT, RENEWED],
    [INTERMEDIATE, INTERMEDIATE, ROOT],
  ])
    assert.match(said(...other), /has an authority whose certificates are no chain/);
});
