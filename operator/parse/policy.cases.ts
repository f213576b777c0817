import type { Case } from "./accepted.cases.ts";
import type { BadCase } from "./refused.cases.ts";

const NOTHING =
  "asks for nothing; set one of images, urls, capabilities, slots, maxFiltersPerSlot, maxModuleSize, maxLoad, failurePolicies";
const NOT_PATTERN =
  "not a pattern of repositories; write it like registry.example/filters/*, in lower case, without scheme, tag and digest";
const PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";
const KEYLESS = { issuer: "https://a.example", identity: "me@a.example" };
const NOT_LOAD = "not a duration from 1ms to 1h; write it like 500ms or 2s";
const NOT_BYTES = "not a number of bytes; write it like 500000, 512Ki or 2Mi";
const CALLBACK = "a callback, which policies do not restrict; name host functions such as proxy_http_call";

/** Specs of policies that parsing and an API server take. */
export const GOOD_POLICIES: readonly Case[] = [
  { name: "one rule", spec: { urls: "Deny" } },
  {
    name: "every field",
    spec: {
      namespaceSelector: {
        matchLabels: { "kubernetes.io/metadata.name": "shop" },
        matchExpressions: [
          { key: "team", operator: "In", values: ["a", "b"] },
          { key: "weir.dev/exempt", operator: "DoesNotExist" },
        ],
      },
      images: [
        { pattern: "registry.example:5000/filters/*", digestOnly: true, verify: [{ cosign: { publicKey: PEM } }] },
        {
          pattern: "ghcr.io/me/**",
          verify: [
            { cosign: { keyless: { issuer: "https://token.actions.githubusercontent.com", identityRegExp: "https://github.com/me/.*" } } },
            { cosign: { publicKey: PEM, attestation: { predicateType: "https://slsa.dev/provenance/v1" } } },
            { cosign: { publicKeySecret: { name: "release-keys", key: "cosign.pub" } } },
            { cosign: { publicKeyConfigMap: { name: "release-keys", key: "cosign.pub" } } },
          ],
        },
        { pattern: "**" },
        { pattern: "*.example/**" },
        { pattern: "[::1]:5000/a/b-*" },
        { pattern: "oci-layout:modules/**" },
      ],
      urls: "Allow",
      capabilities: { allow: ["proxy_log", "fd_write"], deny: ["proxy_http_call"] },
      slots: ["default", "edge"],
      maxFiltersPerSlot: 4,
      maxModuleSize: "2Mi",
      maxLoad: "1m30s",
      failurePolicies: ["Closed", "Reload"],
      mode: "Audit",
    },
  },
  { name: "no host function at all", spec: { capabilities: { allow: [] } } },
  { name: "bytes without a unit", spec: { maxModuleSize: "500000" } },
];

/** Specs of policies that both refuse, one for every rule of the CRD. */
export const BAD_POLICIES: readonly BadCase[] = [
  { name: "nothing", spec: {}, problems: [`spec: ${NOTHING}`] },
  { name: "a mode alone", spec: { mode: "Audit" }, problems: [`spec: ${NOTHING}`] },
  ...[
    "https://registry.example/f",
    "registry.example/f:1",
    `registry.example/f@sha256:${"a".repeat(64)}`,
    "Registry.example/f",
    "a//b",
    "a b",
    "oci-layout:",
    "oci-layout:a b",
  ].map((pattern) => ({
    name: `pattern ${pattern}`,
    spec: { images: [{ pattern }] },
    problems: [`spec.images[0].pattern: ${NOT_PATTERN}`],
  })),
  {
    name: "no pattern",
    spec: { images: [{ digestOnly: true }] },
    problems: ["spec.images[0].pattern: required, but missing"],
    apiServer: ["spec.images[0].pattern: Required value"],
  },
  ...(
    [
      ["no signer", {}, ".cosign: set exactly one of publicKey, publicKeySecret, publicKeyConfigMap and keyless"],
      [
        "two signers",
        { publicKey: PEM, keyless: KEYLESS },
        ".cosign: set exactly one of publicKey, publicKeySecret, publicKeyConfigMap and keyless",
      ],
      ["no key", { publicKey: "a" }, ".cosign.publicKey: not a PEM public key; it begins with -----BEGIN PUBLIC KEY-----"],
      ["two issuers", { keyless: { ...KEYLESS, issuerRegExp: "a" } }, ".cosign.keyless: set exactly one of issuer and issuerRegExp"],
      [
        "two identities",
        { keyless: { ...KEYLESS, identityRegExp: "a" } },
        ".cosign.keyless: set exactly one of identity and identityRegExp",
      ],
    ] as const
  ).map(([name, cosign, problem]) => ({
    name,
    spec: { images: [{ pattern: "a/b", verify: [{ cosign }] }] },
    problems: [`spec.images[0].verify[0]${problem}`],
  })),
  {
    name: "a key in another namespace than Weir's own",
    spec: { images: [{ pattern: "a/b", verify: [{ cosign: { publicKeySecret: { name: "a", key: "b", namespace: "c" } } }] }] },
    problems: ["spec.images[0].verify[0].cosign.publicKeySecret.namespace: unknown field; remove it"],
    apiServer: ['unknown field "spec.images[0].verify[0].cosign.publicKeySecret.namespace"'],
  },
  {
    name: "capabilities that say nothing",
    spec: { capabilities: {} },
    problems: ["spec.capabilities: says nothing; set allow, deny or both"],
  },
  { name: "a callback", spec: { capabilities: { deny: ["proxy_on_tick"] } }, problems: [`spec.capabilities.deny[0]: ${CALLBACK}`] },
  ...["0", "1MB", "1.5Mi", "-1", "Mi"].map((maxModuleSize) => ({
    name: `size ${maxModuleSize}`,
    spec: { maxModuleSize },
    problems: [`spec.maxModuleSize: ${NOT_BYTES}`],
  })),
  ...["0s", "2h", "soon", "1d"].map((maxLoad) => ({ name: `load ${maxLoad}`, spec: { maxLoad }, problems: [`spec.maxLoad: ${NOT_LOAD}`] })),
  {
    name: "In without values",
    spec: { urls: "Deny", namespaceSelector: { matchExpressions: [{ key: "a", operator: "In" }] } },
    problems: ["spec.namespaceSelector.matchExpressions[0].values: operator In and NotIn need at least one of values"],
  },
  {
    name: "Exists with values",
    spec: { urls: "Deny", namespaceSelector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } },
    problems: ["spec.namespaceSelector.matchExpressions[0].values: operator Exists and DoesNotExist take no values"],
  },
  {
    name: "a misspelt field",
    spec: { urls: "Deny", maxModuleSzie: "2Mi" },
    problems: ["spec.maxModuleSzie: unknown field; did you mean maxModuleSize?"],
    apiServer: ['unknown field "spec.maxModuleSzie"'],
  },
  {
    name: "another mode",
    spec: { urls: "Deny", mode: "Warn" },
    problems: ['spec.mode: unsupported value; supported: "Enforce", "Audit"'],
    apiServer: ["spec.mode: Unsupported value"],
  },
  {
    name: "no place for any filter",
    spec: { maxFiltersPerSlot: 0 },
    problems: ["spec.maxFiltersPerSlot: must be 1 or more"],
    apiServer: ["spec.maxFiltersPerSlot"],
  },
  { name: "no slot", spec: { slots: [] }, problems: ["spec.slots: must have 1 or more entries"], apiServer: ["spec.slots"] },
];
