import type { Case } from "./accepted.cases.ts";

/** Specs that parsing and an API server refuse, one forevery rule of the CRD. */

const DIGEST = `sha256:${"a1".repeat(32)}`;
const PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";
const IMAGE = "registry.example/filters/add-header:1.2";
const NOT_REFERENCE =
  "not an OCI reference; write registry/repository:tag, registry/repository@sha256:<64 lower-case hex digits> or oci-layout:DIR:TAG";
const NOT_INTERVAL = "not a duration from 1s to 8760h; write it like 30s, 10m or 1h30m";
const NOT_RANGE = "not a range of versions; write it like ~1.2, ^1.2.3 or >=1.2 <2";
const PERCENTS_RISE = "spec.rollout.steps: percent must rise from step to step";
const LAST_IS_100 = "spec.rollout.steps: the last step must be percent 100";

export interface BadCase extends Case {
  /** What parsing reports, as `path: message`, in any order. */
  readonly problems: readonly string[];
  /** What the API server says where its words are its own (a plain schema, no CEL rule). Defaults to the messages of `problems`. */
  readonly apiServer?: readonly string[];
  /** No rule of the CRD can say it: the API server takes the object, and parsing tells. */
  readonly onlyParsing?: true;
}

export const BAD: readonly BadCase[] = [
  { name: "no source", spec: {}, problems: ["spec: the module has no source; set image (an OCI reference) or url with sha256"] },
  {
    name: "two sources",
    spec: { image: IMAGE, url: "https://host/a.wasm", sha256: DIGEST },
    problems: ["spec: image and url are both set; keep the one that the module comes from"],
  },
  {
    name: "a url without sha256",
    spec: { url: "https://host/a.wasm" },
    problems: ["spec.url: url needs sha256, the digest that the downloaded module must have"],
  },
  {
    name: "sha256 with an image",
    spec: { image: IMAGE, sha256: DIGEST },
    problems: ["spec.sha256: sha256 goes with url only; pin an image with digest"],
  },
  {
    name: "a tag policy without an image",
    spec: { url: "https://host/a.wasm", sha256: DIGEST, tagPolicy: { semver: "*" } },
    problems: ["spec.tagPolicy: tagPolicy chooses a tag of image; set image, or leave tagPolicy out"],
  },
  ...[IMAGE, `registry.example/a@${DIGEST}`, "oci-layout:images", "a:1"].map((image) => ({
    name: `a tag policy for ${image}`,
    spec: { image, tagPolicy: { semver: "~1.2" } },
    problems: ["spec.tagPolicy: tagPolicy chooses the tag; write image as registry/repository, without a tag and a digest"],
  })),
  ...["latest", "1.2.3.4", "~", "1 ||", ">= 1 <", "01", "a".repeat(256), "1.2-rc"].map((semver) => ({
    name: `the range ${semver.slice(0, 8)}`,
    spec: { image: "registry.example/a", tagPolicy: { semver, prerelease: true } },
    problems: [`spec.tagPolicy.semver: ${NOT_RANGE}`],
  })),
  {
    name: "a pre-release that would not be taken",
    spec: { image: "registry.example/a", tagPolicy: { semver: ">=1.3.0-rc.1" } },
    problems: ["spec.tagPolicy.semver: the range names a pre-release, and none is taken; set prerelease to true, or take it out"],
  },
  {
    name: "a network filter with requests",
    spec: { image: IMAGE, type: "Network", preflight: { requests: [{}] } },
    problems: ["spec.preflight: a filter of type Network gets no requests; leave preflight.requests out"],
  },
  {
    name: "requests that are none",
    spec: {
      image: IMAGE,
      preflight: {
        requests: [
          { method: "get" },
          { path: "a b" },
          { headers: [{ name: ":path", value: "x" }] },
          { headers: [{ name: "x", value: "a\r\nb: c" }] },
          { headers: [{ name: "", value: "é" }] },
        ],
      },
    },
    problems: [
      "spec.preflight.requests[0].method: not a method; write it in capitals, as GET",
      "spec.preflight.requests[1].path: not a path; begin it with / and percent-encode blanks and what is not ASCII",
      "spec.preflight.requests[2].headers[0].name: not the name of a header; use letters, digits and '-'",
      "spec.preflight.requests[3].headers[0].value: not the value of a header; it is ASCII, in one line",
      "spec.preflight.requests[4].headers[0].name: not the name of a header; use letters, digits and '-'",
      "spec.preflight.requests[4].headers[0].value: not the value of a header; it is ASCII, in one line",
    ],
  },
  {
    name: "a network filter that holds headers",
    spec: { image: IMAGE, type: "Network", allowOnHeadersStopIteration: true },
    problems: ["spec.allowOnHeadersStopIteration: a filter of type Network has no headers to hold; leave allowOnHeadersStopIteration out"],
  },
  {
    name: "a url that is none",
    spec: { url: "ftp://host/a.wasm", sha256: DIGEST },
    problems: ["spec.url: not an http:// or https:// URL"],
  },
  {
    name: "a sha256 that is none",
    spec: { url: "https://host/a.wasm", sha256: "A".repeat(64) },
    problems: ["spec.sha256: not a sha256 digest; write its 64 lower-case hex digits"],
  },
  {
    name: "an image with a scheme",
    spec: { image: "oci://registry.example/a:1" },
    problems: ["spec.image: an OCI reference has no scheme; write registry/repository:tag, or use url for a plain download"],
  },
  { name: "an image in capitals", spec: { image: "registry.example/Add-Header:1" }, problems: [`spec.image: ${NOT_REFERENCE}`] },
  { name: "an image with a short digest", spec: { image: "registry.example/a@sha256:abc" }, problems: [`spec.image: ${NOT_REFERENCE}`] },
  { name: "an image with a blank", spec: { image: "registry.example/a: 1" }, problems: [`spec.image: ${NOT_REFERENCE}`] },
  { name: "an OCI layout with no folder", spec: { image: "oci-layout:" }, problems: [`spec.image: ${NOT_REFERENCE}`] },
  {
    name: "an empty image",
    spec: { image: "" },
    problems: ["spec.image: must not be empty"],
    apiServer: ["spec.image"],
  },
  {
    name: "a digest that is none",
    spec: { image: IMAGE, digest: "sha256:abc" },
    problems: ["spec.digest: not a digest; write sha256:<64 lower-case hex digits>"],
  },
  { name: "an interval without a unit", spec: { image: IMAGE, interval: "60" }, problems: [`spec.interval: ${NOT_INTERVAL}`] },
  { name: "an interval below a second", spec: { image: IMAGE, interval: "999ms" }, problems: [`spec.interval: ${NOT_INTERVAL}`] },
  { name: "an interval in days", spec: { image: IMAGE, interval: "1d" }, problems: [`spec.interval: ${NOT_INTERVAL}`] },
  {
    name: "config and configFrom",
    spec: { image: IMAGE, config: { a: 1 }, configFrom: { secretKeyRef: { name: "s", key: "k" } } },
    problems: ['spec.configFrom: unsupported value; supported: "nothing, as config is set"'],
    apiServer: ["spec.configFrom", "nothing, as config is set"],
  },
  {
    name: "an empty configFrom",
    spec: { image: IMAGE, configFrom: {} },
    problems: ["spec.configFrom: set exactly one of secretKeyRef and configMapKeyRef"],
  },
  {
    name: "configFrom with both",
    spec: { image: IMAGE, configFrom: { secretKeyRef: { name: "s", key: "k" }, configMapKeyRef: { name: "s", key: "k" } } },
    problems: ["spec.configFrom: set exactly one of secretKeyRef and configMapKeyRef"],
  },
  {
    name: "configFrom without a key",
    spec: { image: IMAGE, configFrom: { secretKeyRef: { name: "s" } } },
    problems: ["spec.configFrom.secretKeyRef.key: required, but missing"],
    apiServer: ["spec.configFrom.secretKeyRef.key", "Required value"],
  },
  {
    name: "no public key",
    spec: { image: IMAGE, verify: [{ cosign: {} }] },
    problems: ["spec.verify[0].cosign: set exactly one of publicKey, publicKeySecret and keyless"],
  },
  {
    name: "two public keys",
    spec: { image: IMAGE, verify: [{ cosign: { publicKey: PEM, publicKeySecret: { name: "s", key: "k" } } }] },
    problems: ["spec.verify[0].cosign: set exactly one of publicKey, publicKeySecret and keyless"],
  },
  {
    name: "a public key that is none",
    spec: { image: IMAGE, verify: [{ cosign: { publicKey: "cosign.pub" } }] },
    problems: ["spec.verify[0].cosign.publicKey: not a PEM public key; it begins with -----BEGIN PUBLIC KEY-----"],
  },
  {
    name: "a key and an identity",
    spec: { image: IMAGE, verify: [{ cosign: { publicKey: PEM, keyless: { issuer: "https://i", identity: "me@a.example" } } }] },
    problems: ["spec.verify[0].cosign: set exactly one of publicKey, publicKeySecret and keyless"],
  },
  {
    name: "an identity without an issuer",
    spec: { image: IMAGE, verify: [{ cosign: { keyless: { identity: "a", identityRegExp: "a" } } }] },
    problems: [
      "spec.verify[0].cosign.keyless: set exactly one of issuer and issuerRegExp",
      "spec.verify[0].cosign.keyless: set exactly one of identity and identityRegExp",
    ],
  },
  {
    name: "an identity that RE2 cannot read",
    spec: { image: IMAGE, verify: [{ cosign: { keyless: { issuer: "https://i", identityRegExp: "(?=a)" } } }] },
    problems: [
      "spec.verify[0].cosign.keyless.identityRegExp: not a regular expression that RE2 reads: error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
    ],
    onlyParsing: true,
  },
  {
    name: "an attestation of no type",
    spec: { image: IMAGE, verify: [{ cosign: { publicKey: PEM, attestation: {} } }] },
    problems: ["spec.verify[0].cosign.attestation.predicateType: required, but missing"],
    apiServer: ["spec.verify[0].cosign.attestation.predicateType: Required value"],
  },
  {
    name: "a slot in capitals",
    spec: { image: IMAGE, slot: "Edge" },
    problems: ["spec.slot: not a slot name; use lower-case letters, digits and '-'"],
  },
  {
    name: "In without values",
    spec: { image: IMAGE, selector: { matchExpressions: [{ key: "a", operator: "In" }] } },
    problems: ["spec.selector.matchExpressions[0].values: operator In and NotIn need at least one of values"],
  },
  {
    name: "Exists with values",
    spec: { image: IMAGE, selector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["x"] }] } },
    problems: ["spec.selector.matchExpressions[0].values: operator Exists and DoesNotExist take no values"],
  },
  {
    name: "an unknown operator",
    spec: { image: IMAGE, selector: { matchExpressions: [{ key: "a", operator: "Equals", values: ["x"] }] } },
    problems: ['spec.selector.matchExpressions[0].operator: unsupported value; supported: "In", "NotIn", "Exists", "DoesNotExist"'],
    apiServer: ["spec.selector.matchExpressions[0].operator", "Unsupported value"],
  },
  {
    name: "a variable name with a digit first",
    spec: { image: IMAGE, env: [{ name: "1A", value: "x" }] },
    problems: ["spec.env[0].name: not a variable name; use letters, digits and '_', no digit first"],
  },
  {
    name: "a variable twice",
    spec: {
      image: IMAGE,
      env: [
        { name: "A", value: "x" },
        { name: "A", value: "y" },
      ],
    },
    problems: ["spec.env[1]: duplicate name; an earlier entry has it"],
    apiServer: ["spec.env[1]", "Duplicate value"],
  },
  {
    name: "a capability twice",
    spec: { image: IMAGE, capabilities: { allow: ["proxy_log", "proxy_log"] } },
    problems: ["spec.capabilities.allow[1]: duplicate value"],
    apiServer: ["spec.capabilities.allow[1]", "Duplicate value"],
  },
  {
    name: "steps that fall",
    spec: { image: IMAGE, rollout: { steps: [{ percent: 50 }, { percent: 20 }, { percent: 100 }] } },
    problems: [PERCENTS_RISE],
  },
  {
    name: "steps that stand still",
    spec: { image: IMAGE, rollout: { steps: [{ percent: 100 }, { percent: 100 }] } },
    problems: [PERCENTS_RISE],
  },
  { name: "steps that end early", spec: { image: IMAGE, rollout: { steps: [{ percent: 10 }, { percent: 20 }] } }, problems: [LAST_IS_100] },
  {
    name: "no steps",
    spec: { image: IMAGE, rollout: { steps: [] } },
    problems: ["spec.rollout.steps: must have 1 or more entries"],
    apiServer: ["spec.rollout.steps", "should have at least 1 items"],
  },
  {
    name: "a step of 0 percent",
    spec: { image: IMAGE, rollout: { steps: [{ percent: 0 }, { percent: 100 }] } },
    problems: ["spec.rollout.steps[0].percent: must be 1 or more"],
    apiServer: ["spec.rollout.steps[0].percent", "should be greater than or equal to 1"],
  },
  {
    name: "a hold that is none",
    spec: { image: IMAGE, rollout: { steps: [{ percent: 100, hold: "soon" }] } },
    problems: ["spec.rollout.steps[0].hold: not a duration up to 8760h; write it like 30s, 10m or 1h30m"],
  },
  {
    name: "a deadline that is none",
    spec: { image: IMAGE, rollout: { progressDeadline: "0s" } },
    problems: [`spec.rollout.progressDeadline: ${NOT_INTERVAL}`],
  },
  {
    name: "a latency ratio below 1",
    spec: { image: IMAGE, rollout: { analysis: { maxLatencyRatio: 0.5 } } },
    problems: ["spec.rollout.analysis.maxLatencyRatio: must be 1 or more"],
    apiServer: ["spec.rollout.analysis.maxLatencyRatio", "should be greater than or equal to 1"],
  },
  {
    name: "a history limit of 0",
    spec: { image: IMAGE, revisionHistoryLimit: 0 },
    problems: ["spec.revisionHistoryLimit: must be 1 or more"],
    apiServer: ["spec.revisionHistoryLimit", "should be greater than or equal to 1"],
  },
  {
    name: "wrong types",
    spec: { image: IMAGE, priority: "high", suspend: "yes", env: {} },
    problems: [
      "spec.priority: must be an integer, not a string",
      "spec.suspend: must be a boolean, not a string",
      "spec.env: must be an array, not an object",
    ],
    apiServer: ["spec.priority", "spec.suspend", "spec.env"],
  },
  {
    name: "an unknown policy",
    spec: { image: IMAGE, pullPolicy: "Never", failurePolicy: "FailOpen", whenMissing: "Fail" },
    problems: [
      'spec.pullPolicy: unsupported value; supported: "IfNotPresent", "Always"',
      'spec.failurePolicy: unsupported value; supported: "Reload", "Closed", "Open"',
      'spec.whenMissing: unsupported value; supported: "Open", "Closed"',
    ],
    apiServer: ["spec.pullPolicy", "spec.failurePolicy", "spec.whenMissing"],
  },
  {
    name: "unknown fields",
    spec: { imagee: IMAGE, image: IMAGE, rollout: { step: [] }, selector: { zzz: 1 } },
    problems: [
      "spec.imagee: unknown field; did you mean image?",
      "spec.rollout.step: unknown field; did you mean steps?",
      "spec.selector.zzz: unknown field; remove it",
    ],
    apiServer: ["unknown field", "spec.imagee", "spec.rollout.step", "spec.selector.zzz"],
  },
  {
    name: "several things at once",
    spec: { digest: "x", interval: "x", rollout: { steps: [{ percent: 20 }, { percent: 10 }] } },
    problems: [
      "spec: the module has no source; set image (an OCI reference) or url with sha256",
      "spec.digest: not a digest; write sha256:<64 lower-case hex digits>",
      `spec.interval: ${NOT_INTERVAL}`,
      PERCENTS_RISE,
      LAST_IS_100,
    ],
  },
  {
    name: "a match of a network filter",
    spec: { image: IMAGE, type: "Network", match: [{ method: "GET" }] },
    problems: ["spec.match: only filters of type HTTP see requests; leave match out, or set type to HTTP"],
  },
  {
    name: "a match without a kind",
    spec: { image: IMAGE, match: [] },
    problems: ["spec.match: must have 1 or more entries"],
    apiServer: ["spec.match: Invalid value: 0: spec.match in body should have at least 1 items"],
  },
  {
    name: "a match that says nothing",
    spec: { image: IMAGE, match: [{}] },
    problems: ["spec.match[0]: says nothing of the request; set path, host, method or headers"],
  },
  {
    name: "a match with two ways to compare",
    spec: { image: IMAGE, match: [{ path: { prefix: "/a", exact: "/a" }, headers: [{ name: "x-a" }] }] },
    problems: [
      "spec.match[0].path: set exactly one of prefix, exact and regex",
      "spec.match[0].headers[0]: set exactly one of exact, prefix and present",
    ],
  },
  {
    name: "a match with what no request has",
    spec: {
      image: IMAGE,
      match: [{ path: { prefix: "a?b" }, host: "a.example:80", method: "get", headers: [{ name: ":path", exact: "x\ny" }] }],
    },
    problems: [
      "spec.match[0].path.prefix: not the beginning of a path; it begins with / and has only printable ASCII, without ? and #",
      "spec.match[0].host: not a host; write a name or an address without a port",
      "spec.match[0].method: not a method; write it in upper case, such as GET",
      "spec.match[0].headers[0].name: not the name of a header; write it in lower case, and for the path, the method and the host use their own fields",
      "spec.match[0].headers[0].exact: not the value of a header; write printable ASCII that neither begins nor ends with a blank",
    ],
  },
  {
    name: "a match by the header host, and with beginnings that are none",
    spec: { image: IMAGE, match: [{ path: { exact: "/é" }, headers: [{ name: "host", prefix: " a" }] }] },
    problems: [
      "spec.match[0].path.exact: not a path; it begins with / and has only printable ASCII, without ? and #",
      "spec.match[0].headers[0].name: the host has a field of its own; set host",
      "spec.match[0].headers[0].prefix: not the beginning of a header's value; write printable ASCII that does not begin with a blank",
    ],
  },
  {
    name: "a match by what RE2 lacks",
    spec: { image: IMAGE, match: [{ path: { regex: "/(a)\\1" } }, { path: { regex: "/(?=a)" } }, { path: { regex: "/ " } }] },
    problems: [
      "spec.match[0].path.regex: RE2 has no backreferences, and of escapes with a letter only \\d, \\D, \\s, \\S, \\w and \\W are taken",
      "spec.match[1].path.regex: RE2 has no lookaround, and of groups that begin with (? only (?: is taken",
      "spec.match[2].path.regex: not a regular expression of a path; write it in printable ASCII, without blanks",
    ],
  },
  {
    name: "a dark step after another, and at the end",
    spec: { image: IMAGE, rollout: { steps: [{ percent: 100 }, { match: [{ method: "GET" }], percent: 100 }] } },
    problems: ["spec.rollout.steps: steps with match come before the others", LAST_IS_100],
  },
  {
    name: "a dark step of a network filter",
    spec: { image: IMAGE, type: "Network", rollout: { steps: [{ match: [{ method: "GET" }] }, { percent: 100 }] } },
    problems: ["spec.rollout: only filters of type HTTP see requests; leave the steps with match out"],
  },
  {
    name: "a step without percent",
    spec: { image: IMAGE, rollout: { steps: [{ hold: "1s" }, { percent: 100 }] } },
    problems: ["spec.rollout.steps[0].percent: required, but missing"],
  },
];
