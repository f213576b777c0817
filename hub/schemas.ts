/**
 * Schemas of what the read API answers, in the JSON Schema of OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0#schema-object). They say what a
 * client may rely on; more fields may come. The WasmFilter's own fields are those of the CRD (crds/wasmfilters.weir.dev.yaml).
 */
export type Schema = Readonly<Record<string, unknown>>;

const STRING: Schema = { type: "string" };
const INTEGER: Schema = { type: "integer" };
const DIGEST: Schema = { type: "string", pattern: "^sha256:[0-9a-f]{64}$" };
const TIME: Schema = { type: "string", format: "date-time" };

export function ref(name: keyof typeof schemas): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** Every property is required, but for the optional ones. */
function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  return { type: "object", required: Object.keys(properties).filter((name) => !optional.includes(name)), properties };
}

function list(items: Schema): Schema {
  return { type: "array", items };
}

const condition = object(
  {
    type: STRING,
    status: { enum: ["True", "False", "Unknown"] },
    reason: STRING,
    message: STRING,
    observedGeneration: INTEGER,
    lastTransitionTime: TIME,
  },
  ["observedGeneration"],
);

const filterStatus = object(
  {
    observedGeneration: INTEGER,
    digest: DIGEST,
    wasmDigest: DIGEST,
    revision: INTEGER,
    stableRevision: INTEGER,
    proxies: object({ matched: INTEGER, updated: INTEGER, rejected: INTEGER, pending: INTEGER }),
    conditions: list(condition),
  },
  ["observedGeneration", "digest", "wasmDigest", "revision", "stableRevision", "proxies", "conditions"],
);

const filter = object(
  {
    apiVersion: { const: "weir.dev/v1alpha1" },
    kind: { const: "WasmFilter" },
    metadata: object({ name: STRING, namespace: STRING }, ["namespace"]),
    spec: { type: "object" },
    status: filterStatus,
  },
  ["status"],
);

const policyStatus = object(
  {
    observedGeneration: INTEGER,
    filters: INTEGER,
    violating: INTEGER,
    violations: list(object({ namespace: STRING, name: STRING, message: STRING })),
    conditions: list(condition),
  },
  ["observedGeneration", "filters", "violating", "violations", "conditions"],
);

const policy = object(
  {
    apiVersion: { const: "weir.dev/v1alpha1" },
    kind: { const: "WasmPolicy" },
    metadata: object({ name: STRING }),
    spec: { type: "object", description: "The fields of the CRD (crds/wasmpolicies.weir.dev.yaml)." },
    status: policyStatus,
  },
  ["status"],
);

const proxyFilter = object({
  namespace: STRING,
  name: STRING,
  revision: INTEGER,
  digest: DIGEST,
  wasmDigest: DIGEST,
  state: { enum: ["pending", "updated", "rejected"] },
  message: STRING,
});

const proxy = object({
  id: STRING,
  namespace: STRING,
  labels: { type: "object", additionalProperties: STRING },
  connected: { type: "boolean" },
  slots: list(object({ name: STRING, filters: list(proxyFilter) })),
});

const author = {
  ...object({ generation: INTEGER, manager: STRING, cause: STRING }, ["generation", "manager", "cause"]),
  description: "Who made the spec that led to it, by field manager and weir.dev/change-cause. Without both: what the spec names changed.",
};

const revision = object(
  {
    number: INTEGER,
    image: STRING,
    digest: DIGEST,
    wasmDigest: DIGEST,
    settings: {
      type: "object",
      description: "What reaches the proxy besides the module. A configuration that comes from a Secret is empty.",
    },
    capabilities: list(STRING),
    hash: STRING,
    time: TIME,
    author,
  },
  ["author"],
);

const plannedRevision = object({ number: INTEGER, image: STRING, digest: DIGEST, wasmDigest: DIGEST });
const change = object({ field: STRING, before: STRING, after: STRING }, ["before", "after"]);

const plannedProxies = { proxies: INTEGER, first: list(object({ namespace: STRING, id: STRING })) };

const wave = object(
  {
    step: INTEGER,
    percent: INTEGER,
    holdMs: INTEGER,
    pause: { type: "boolean" },
    only: STRING,
    ...plannedProxies,
  },
  ["only"],
);

const plannedReturn = object({ revision: INTEGER, ...plannedProxies }, ["revision"]);

const filterPlan = object(
  {
    namespace: STRING,
    name: STRING,
    action: { enum: ["created", "changed", "unchanged", "refused"] },
    refusal: object({ condition: STRING, reason: STRING, message: STRING, retryable: { type: "boolean" }, waits: STRING }, ["waits"]),
    object: list(change),
    before: plannedRevision,
    after: plannedRevision,
    revision: list(change),
    proof: object(
      { result: { enum: ["passed", "kept"] }, measurements: { type: "object" }, told: object({ reason: STRING, message: STRING }) },
      ["measurements", "told"],
    ),
    signatures: list(object({ by: STRING, keyFrom: STRING, demands: list(STRING), attestation: STRING }, ["keyFrom", "attestation"])),
    audited: list(STRING),
    rollout: object({ matched: INTEGER, steps: INTEGER, waves: list(wave), back: plannedReturn, waitsFor: STRING }, ["back", "waitsFor"]),
  },
  ["refusal", "before", "after", "proof", "signatures", "audited", "rollout"],
);

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/list-meta/ */
const listMeta = object({ resourceVersion: STRING, continue: STRING, remainingItemCount: INTEGER }, ["continue", "remainingItemCount"]);

function kubernetesList(schema: string): Schema {
  const items = list({ $ref: `#/components/schemas/${schema}` });
  return object({ apiVersion: { const: "v1" }, kind: { const: "List" }, metadata: listMeta, items });
}

const fleetGroup = object(
  {
    namespace: STRING,
    connected: { type: "boolean" },
    filter: STRING,
    revision: INTEGER,
    digest: DIGEST,
    wasmDigest: DIGEST,
    state: { enum: ["pending", "updated", "rejected"] },
    proxies: INTEGER,
  },
  ["namespace", "connected", "filter", "revision", "digest", "wasmDigest", "state"],
);

export const schemas = {
  WasmFilter: filter,
  WasmFilterList: kubernetesList("WasmFilter"),
  WasmPolicy: policy,
  WasmPolicyList: kubernetesList("WasmPolicy"),
  ProxyList: kubernetesList("Proxy"),
  Fleet: object({ proxies: object({ total: INTEGER, connected: INTEGER }), groups: list(fleetGroup), leftOff: INTEGER }),
  Revision: revision,
  Proxy: proxy,
  ChangeEvent: object({ time: TIME, filter: STRING, type: { enum: ["Normal", "Warning"] }, reason: STRING, message: STRING }),
  PlanRequest: {
    ...object({ apiVersion: { const: "v1" }, kind: { const: "List" }, items: list({ type: "object" }) }, ["apiVersion"]),
    description:
      "WasmFilters as they would be once applied, and what would be applied with them: Secrets and ConfigMaps they refer to, WasmPolicies, Namespaces.",
  },
  Plan: object({ filters: list(filterPlan) }),
  Error: object({ error: object({ status: INTEGER, reason: STRING, message: STRING }) }),
} satisfies Record<string, Schema>;
