import type { ApiFailure, KubeApi } from "../../model/kube.ts";
import { failForNow, ok, type Result } from "../../model/result.ts";
import { findPodCertificates } from "../authority/pod-certificates/discovery.ts";
import { INJECT, PORTS } from "../injection/names.ts";
import type { Claim, Deployment, EndpointSlice, Fact, Facts, Namespace, Pod, VolumeUse, Webhook } from "./facts.ts";
import type { Crd } from "./narrowing.ts";
import { ADMISSION_CONFIGURATION, FLEET_RIGHTS, LEASE, PULL_SERVICE_ACCOUNT, WEBHOOK_CONFIGURATION, WEIRS_RIGHTS } from "./rights.ts";
import { accessOf, selfAccess } from "./rights-review.ts";

export interface GatherOptions {
  readonly api: KubeApi;
  /** Where Weir is looked for. */
  readonly namespace: string;
  /** The kinds of this version. */
  readonly kinds: readonly Crd[];
  readonly now: () => number;
}

const SELECTOR = "app.kubernetes.io/name=weir";
const LABELLED = `${INJECT}=true`;
/** Objects of one kind that are looked at. */
const MOST = 500;
/** Namespaces whose pods are looked at. */
const MOST_NAMESPACES = 20;

/** Looks at a cluster. Changes nothing: reviews and a dry run are the only writes. Takes some forty requests, never more than two hundred. */
export async function gather({ api, namespace, kinds, now }: GatherOptions): Promise<Facts> {
  const ask = createAsk(api);
  const version = await ask<{ gitVersion?: string }>("/version");
  const deployments = await readDeployments(ask, namespace);
  const here = deployments.ok ? deployments.value.find(({ metadata }) => metadata.namespace === namespace) : undefined;
  const [self, found, own, pods, webhook, admission, injected, podCertificates] = await Promise.all([
    readSelf(api),
    Promise.all(kinds.map(async (wanted) => ({ wanted, found: await ask<Crd>(`${CRDS}/${wanted.metadata.name}`) }))),
    selfAccess(api, FLEET_RIGHTS, "default"),
    ask.list<Pod>(`/api/v1/namespaces/${namespace}/pods`, SELECTOR),
    ask<Webhook>(
      `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${configurationOf(here, namespace, WEBHOOK_CONFIGURATION)}`,
    ),
    ask<Webhook>(
      `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${configurationOf(here, namespace, ADMISSION_CONFIGURATION)}`,
    ),
    ask.list<Namespace>("/api/v1/namespaces", LABELLED),
    findPodCertificates(api),
  ]);
  const labelled = injected.ok ? injected.value.map(({ metadata }) => metadata.name) : [];
  const [weirs, endpoints, trial, refusal, workloads, claims] = await Promise.all([
    here === undefined ? undefined : readWeirsRights(api, here),
    webhook.ok ? readEndpoints(ask, webhook.value) : undefined,
    webhook.ok && labelled[0] !== undefined ? tryPod(api, labelled[0]) : undefined,
    admission.ok && isLed(admission.value) ? tryFilter(api, namespace) : undefined,
    readWorkloads(ask, labelled),
    readClaims(ask, namespace, pods.ok ? pods.value : []),
  ]);
  const versionText = version.ok ? ok(String(version.value.gitVersion)) : version;
  return {
    now: now(),
    namespace,
    version: versionText,
    self,
    kinds: found,
    own,
    weirs,
    deployments,
    pods,
    webhook,
    endpoints,
    trial,
    ...{ admission, refusal, admits: here !== undefined && argsOf(here).some((arg) => arg.startsWith(ADMISSION_CONFIGURATION)) },
    injected,
    workloads,
    podCertificates: podCertificates.ok ? ok(podCertificates.value !== undefined) : podCertificates,
    claims,
  };
}

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

interface Ask {
  <T>(path: string): Promise<Fact<T>>;
  /** At most `MOST` of them. */
  list<T>(path: string, labelSelector?: string): Promise<Fact<readonly T[]>>;
}

function createAsk(api: KubeApi): Ask {
  const get = async <T>(path: string, query: Record<string, string> = {}) =>
    (await api.request({ path, query })) as Fact<unknown> as Fact<T>;
  const list = async <T>(path: string, labelSelector?: string): Promise<Fact<readonly T[]>> => {
    const query = { limit: String(MOST), ...(labelSelector === undefined ? {} : { labelSelector }) };
    const found = await get<{ items?: unknown }>(path, query);
    if (!found.ok) return found;
    return ok(Array.isArray(found.value.items) ? (found.value.items as T[]) : []);
  };
  return Object.assign(<T>(path: string) => get<T>(path), { list });
}

/** https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/self-subject-review-v1/ */
async function readSelf(api: KubeApi): Promise<Facts["self"]> {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const said = (await api.request({
    method: "POST",
    path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    body,
  })) as Fact<unknown> as Fact<{
    metadata?: { creationTimestamp?: string };
    status?: { userInfo?: { username?: string } };
  }>;
  if (!said.ok) return said;
  const time = Date.parse(said.value.metadata?.creationTimestamp ?? "");
  if (Number.isNaN(time)) return missing("the API server does not say its time");
  return ok({ user: said.value.status?.userInfo?.username ?? "this account", time });
}

async function readDeployments(ask: Ask, namespace: string): Promise<Facts["deployments"]> {
  const all = await ask.list<Deployment>("/apis/apps/v1/deployments", SELECTOR);
  return all.ok || all.error.status !== 403 ? all : ask.list<Deployment>(`/apis/apps/v1/namespaces/${namespace}/deployments`, SELECTOR);
}

/** The rights that Weir's command line makes it need. */
async function readWeirsRights(api: KubeApi, deployment: Deployment): Promise<NonNullable<Facts["weirs"]>> {
  const { metadata, spec } = deployment;
  const { serviceAccountName: name = "default" } = spec.template.spec;
  const namespace = metadata.namespace ?? "default";
  const args = argsOf(deployment);
  const needed = WEIRS_RIGHTS.filter(({ flag }) => flag === undefined || args.some((arg) => arg.startsWith(flag)));
  /** What a flag names that is not given, as the chart would name it. */
  const unnamed = new Map([
    [WEBHOOK_CONFIGURATION, configurationIn(namespace)],
    [ADMISSION_CONFIGURATION, configurationIn(namespace)],
    [LEASE, metadata.name],
    [PULL_SERVICE_ACCOUNT, "default"],
  ]);
  const named = needed.map((right) => {
    const name = unnamed.get(right.name ?? "");
    return name === undefined ? right : { ...right, name: flagOf(deployment, right.name ?? "") ?? name };
  });
  return accessOf(api, named, { namespace, name });
}

function argsOf({ spec }: Deployment): readonly string[] {
  return spec.template.spec.containers.flatMap((container) => container.args ?? []);
}

/** The configuration that Weir keeps as this flag says, or that the chart would have made. */
function configurationOf(deployment: Deployment | undefined, namespace: string, flag: string): string {
  return (deployment && flagOf(deployment, flag)) ?? configurationIn(namespace);
}

/** The webhook configuration that the chart would have made. */
function configurationIn(namespace: string): string {
  return `weir-${namespace}`;
}

function flagOf(deployment: Deployment, flag: string): string | undefined {
  return argsOf(deployment)
    .find((arg) => arg.startsWith(`${flag}=`))
    ?.slice(flag.length + 1);
}

function isLed({ webhooks = [] }: Webhook): boolean {
  return webhooks.some(({ clientConfig }) => (clientConfig.caBundle ?? "") !== "");
}

/** A WasmFilter that the API server's own rules take and Weir refuses: no host has such a port. Nothing of it is stored. */
async function tryFilter(api: KubeApi, namespace: string): Promise<Fact<unknown>> {
  const path = `/apis/weir.dev/v1alpha1/namespaces/${namespace}/wasmfilters`;
  const body = {
    ...{ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { generateName: "weir-check-" } },
    spec: { image: "weir.example:99999/check:1" },
  };
  return (await api.request({ method: "POST", path, query: { dryRun: "All" }, body })) as Fact<unknown>;
}

async function readEndpoints(ask: Ask, { webhooks = [] }: Webhook): Promise<Facts["endpoints"]> {
  const service = webhooks.find(({ clientConfig }) => clientConfig.service !== undefined)?.clientConfig.service;
  if (service === undefined) return undefined;
  const path = `/apis/discovery.k8s.io/v1/namespaces/${service.namespace}/endpointslices`;
  return ask.list<EndpointSlice>(path, `kubernetes.io/service-name=${service.name}`);
}

/** A pod that the API server sends to its webhooks and then forgets. https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run */
async function tryPod(api: KubeApi, namespace: string): Promise<Fact<Pod>> {
  const container = { name: "app", image: "weir-check", ports: [{ containerPort: 8080 }], securityContext: RESTRICTED };
  const security = { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } };
  const body = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { generateName: "weir-check-", annotations: { [PORTS]: "8080=15080" } },
    spec: { containers: [container], securityContext: security },
  };
  return (await api.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/pods`,
    query: { dryRun: "All" },
    body,
  })) as Fact<unknown> as Fact<Pod>;
}

const RESTRICTED = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

async function readWorkloads(ask: Ask, namespaces: readonly string[]): Promise<Facts["workloads"]> {
  const lists = await Promise.all(namespaces.slice(0, MOST_NAMESPACES).map((name) => ask.list<Pod>(`/api/v1/namespaces/${name}/pods`)));
  const refused = lists.find(({ ok }) => !ok);
  return refused ?? ok(lists.flatMap((list) => (list.ok ? list.value : [])));
}

async function readClaims(ask: Ask, namespace: string, pods: readonly Pod[]): Promise<Facts["claims"]> {
  const names = new Set(
    pods.flatMap(({ spec }) => (spec.volumes ?? []).flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? [])),
  );
  const summary = names.size === 0 ? undefined : readSummary(ask, pods);
  return Promise.all(
    [...names].slice(0, 8).map(async (name) => {
      const found = await ask<Claim>(`/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}`);
      return { name, found, use: useOf(await summary, namespace, name) };
    }),
  );
}

interface Summary {
  readonly pods?: readonly {
    readonly volume?: readonly {
      readonly usedBytes?: number;
      readonly capacityBytes?: number;
      readonly pvcRef?: { readonly name?: string; readonly namespace?: string };
    }[];
  }[];
}

/** What the kubelet of Weir's node measured. https://kubernetes.io/docs/reference/instrumentation/node-metrics/#summary-api-source */
async function readSummary(ask: Ask, pods: readonly Pod[]): Promise<Fact<Summary> | undefined> {
  const node = pods.find(({ spec }) => spec.nodeName !== undefined)?.spec.nodeName;
  return node === undefined ? undefined : ask<Summary>(`/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary`);
}

function useOf(said: Fact<Summary> | undefined, namespace: string, claim: string): Fact<VolumeUse> | undefined {
  if (said?.ok !== true) return said;
  const volumes = (said.value.pods ?? []).flatMap(({ volume = [] }) => volume);
  const { usedBytes: used, capacityBytes: capacity } =
    volumes.find(({ pvcRef }) => pvcRef?.name === claim && pvcRef.namespace === namespace) ?? {};
  return used === undefined || capacity === undefined || capacity === 0 ? undefined : ok({ used, capacity });
}

function missing(message: string): Result<never, ApiFailure> {
  return { ok: false, error: { ...failForNow("NotSaid", message).error, status: 200 } };
}
