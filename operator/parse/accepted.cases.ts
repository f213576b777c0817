/** Specs that parsing and an API server accept, one forevery rule of the CRD. The unit tests and the tests against a real API server share them. */

const DIGEST = `sha256:${"a1".repeat(32)}`;
const PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";
const IMAGE = "registry.example/filters/add-header:1.2";

export interface Case {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

export const GOOD: readonly Case[] = [
  { name: "an image by tag", spec: { image: IMAGE } },
  { name: "an image by digest", spec: { image: `registry.example:5000/a/b-c__d.e@${DIGEST}` } },
  { name: "an image by tag and digest, on a registry with an IPv6 address", spec: { image: `[::1]:5000/a:1@${DIGEST}` } },
  { name: "an image with no registry", spec: { image: "library/add-header" } },
  { name: "an OCI layout folder", spec: { image: "oci-layout:./build/Out Of.dir:v1".replaceAll(" ", "_") } },
  { name: "a pinned image", spec: { image: IMAGE, digest: DIGEST, pullPolicy: "Always", interval: "1h30m" } },
  { name: "a url with its sha256", spec: { url: "https://host.example:8443/a.wasm?x=1", sha256: DIGEST } },
  { name: "a url with bare hex digits", spec: { url: "http://127.0.0.1/a.wasm", sha256: "0".repeat(64) } },
  ...["~1.2", "^1.2.3", "1.x", "*", "v1", ">=1.2 <2 || 3.x", ">= 1.2, != 1.2.5 , < 2.0", "1.2 - 1.4.5", "=> 1.0, =< 2", "~> 0.3"].map(
    (semver) => ({
      name: `the highest tag in ${semver}`,
      spec: { image: "registry.example:5000/filters/f", tagPolicy: { semver } },
    }),
  ),
  { name: "a pre-release in a range", spec: { image: "f", tagPolicy: { semver: ">=1.3.0-rc.1", prerelease: true }, digest: DIGEST } },
  { name: "a config object", spec: { image: IMAGE, config: { z: 1, a: [true, null, { b: "c" }] } } },
  { name: "a config string", spec: { image: IMAGE, config: "key=value" } },
  { name: "a config list", spec: { image: IMAGE, config: [1, 2] } },
  { name: "a null config is none", spec: { image: IMAGE, config: null, configFrom: { secretKeyRef: { name: "s", key: "k" } } } },
  { name: "nulls are absent fields", spec: { image: IMAGE, url: null, digest: null, slot: null, rollout: null } },
  { name: "config from a Secret", spec: { image: IMAGE, configFrom: { secretKeyRef: { name: "s", key: "k" } } } },
  { name: "config from a ConfigMap", spec: { image: IMAGE, configFrom: { configMapKeyRef: { name: "c", key: "k" } } } },
  { name: "a public key", spec: { image: IMAGE, verify: [{ cosign: { publicKey: PEM } }] } },
  {
    name: "an identity",
    spec: {
      image: IMAGE,
      whenUnverified: "RollBack",
      verify: [
        { cosign: { keyless: { issuer: "https://i.example", identityRegExp: "https://github\\.com/me/.*" } } },
        {
          cosign: {
            keyless: {
              issuerRegExp: ".*",
              identity: "me@a.example",
              trustRoot: { configMapKeyRef: { name: "sigstore", key: "root.json" } },
            },
            attestation: { predicateType: "https://slsa.dev/provenance/v1", builder: "https://b.example", source: "https://s.example" },
          },
        },
      ],
    },
  },
  { name: "a public key in a Secret", spec: { image: IMAGE, verify: [{ cosign: { publicKeySecret: { name: "s", key: "cosign.pub" } } }] } },
  { name: "two pull secrets", spec: { image: IMAGE, pullSecrets: [{ name: "a" }, { name: "b" }] } },
  {
    name: "a selector with every operator",
    spec: {
      image: IMAGE,
      selector: {
        matchLabels: { app: "web", "example.com/tier": "" },
        matchExpressions: [
          { key: "a", operator: "In", values: ["x", "y"] },
          { key: "b", operator: "NotIn", values: ["x"] },
          { key: "c", operator: "Exists" },
          { key: "d", operator: "DoesNotExist", values: [] },
        ],
      },
    },
  },
  {
    name: "a match with everything",
    spec: {
      image: IMAGE,
      match: [
        {
          path: { prefix: "/api" },
          host: "Shop.example",
          method: "GET",
          headers: [
            { name: "x-a", exact: "a b" },
            { name: "x-b", prefix: "b" },
            { name: "x-c", present: false },
          ],
        },
        { path: { exact: "/" } },
        { path: { regex: "/(?:a|b)/[^/]+/\\d{2}\\.x\\(?" } },
        { host: "[::1]" },
      ],
    },
  },
  {
    name: "a rollout in steps",
    spec: { image: IMAGE, rollout: { steps: [{ percent: 10, hold: "500ms" }, { percent: 50, pause: true }, { percent: 100 }] } },
  },
  {
    name: "a rollout with dark steps",
    spec: {
      image: IMAGE,
      rollout: {
        steps: [
          { match: [{ headers: [{ name: "x-canary", exact: "1" }] }], percent: 100, pause: true },
          { match: [{ path: { prefix: "/api" } }], hold: "5m" },
          { percent: 10, hold: "5m" },
          { percent: 100 },
        ],
      },
    },
  },
  { name: "an empty rollout", spec: { image: IMAGE, rollout: {} } },
  {
    name: "a rollout's other settings",
    spec: { image: IMAGE, rollout: { progressDeadline: "90s", autoRollback: false, analysis: { maxLatencyRatio: 1.5 } } },
  },
  { name: "a proof that tells", spec: { image: IMAGE, preflight: { traffic: "Report" } } },
  { name: "an empty preflight", spec: { image: IMAGE, preflight: {} } },
  { name: "no requests for the proof", spec: { image: IMAGE, preflight: { traffic: "Enforce", requests: [] } } },
  {
    name: "requests for the proof",
    spec: {
      image: IMAGE,
      preflight: {
        requests: [
          {},
          {
            method: "M-SEARCH",
            path: "/a?b=%20~",
            headers: [
              { name: "X-Tenant", value: "" },
              { name: "x-tenant", value: "a\tb" },
            ],
            body: "é\n",
          },
        ],
      },
    },
  },
  { name: "headers that wait for the body", spec: { image: IMAGE, allowOnHeadersStopIteration: true } },
  { name: "a network filter that holds no headers", spec: { image: IMAGE, type: "Network", allowOnHeadersStopIteration: false } },
  {
    name: "everything else",
    spec: {
      image: IMAGE,
      type: "Network",
      rootId: "root",
      slot: "edge-2",
      priority: -5,
      failurePolicy: "Open",
      whenMissing: "Closed",
      env: [
        { name: "A_1", value: "" },
        { name: "_b", value: "x" },
      ],
      capabilities: { allow: ["proxy_log", "proxy_on_request_headers"] },
      revisionHistoryLimit: 1,
      suspend: true,
    },
  },
];
