import {
  ApiException,
  createConfiguration,
  type KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
  ServerConfiguration,
} from "@kubernetes/client-node";
import { type FilterKey, filterId } from "../../model/filter.ts";
import { API_VERSION, KIND, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { type Applied, byName, type FilterPatch, type FleetClient } from "./client.ts";
import { type KubeconfigChoice, loadKubeconfig } from "./kubeconfig.ts";
import type { Manifest } from "./manifests.ts";

/** Field manager of what `weir` writes. https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers */
const MANAGER = "weir-cli";
const TIMEOUT_MS = 30_000;
const PAGE = 500;

export function openCluster(choice: KubeconfigChoice & { readonly namespace: string | undefined }): Result<FleetClient> {
  const config = loadKubeconfig(choice);
  if (!config.ok) return config;
  const context = config.value.getContexts().find(({ name }) => name === config.value.getCurrentContext());
  return ok(createClusterClient(config.value, choice.namespace ?? context?.namespace ?? "default"));
}

/** A Kubernetes API server as the place of the desired state. Every call is bounded in time; its failures are values. */
export function createClusterClient(config: KubeConfig, namespace: string): FleetClient {
  const server = config.getCurrentCluster()?.server ?? "";
  const api = objectApi(config, server);
  const attempt = <T>(what: string, run: () => Promise<T>) => guarded(server, what, run);
  const header = (key: FilterKey) => ({ apiVersion: API_VERSION, kind: KIND, metadata: { name: key.name, namespace: key.namespace } });
  return {
    description: `cluster ${server}`,
    namespace,
    list: (wanted) => attempt("list WasmFilters", () => listAll(api, wanted)),
    get: (key) => attempt(`read WasmFilter ${filterId(key)}`, async () => plain(await api.read(header(key))) as WasmFilter),
    apply: ({ manifest }) => apply(api, manifest, namespace, attempt),
    patch: (key, patch) =>
      attempt(`change WasmFilter ${filterId(key)}`, async () => {
        await api.patch(patchBody(header(key), patch), undefined, undefined, MANAGER, undefined, PatchStrategy.MergePatch);
      }),
    remove: (key) =>
      attempt(`delete WasmFilter ${filterId(key)}`, async () => {
        await api.delete(header(key));
      }),
    notes: () => [],
  };
}

function objectApi(config: KubeConfig, server: string): KubernetesObjectApi {
  const bounded = {
    pre: async <T extends { setSignal(signal: AbortSignal): void }>(request: T) => {
      request.setSignal(AbortSignal.timeout(TIMEOUT_MS));
      return request;
    },
    post: async <T>(response: T) => response,
  };
  return new KubernetesObjectApi(
    createConfiguration({
      baseServer: new ServerConfiguration(server, {}),
      authMethods: { default: config },
      promiseMiddleware: [bounded],
    }),
  );
}

async function listAll(api: KubernetesObjectApi, namespace: string | undefined): Promise<readonly WasmFilter[]> {
  const found: WasmFilter[] = [];
  let next: string | undefined;
  do {
    const page = await api.list(API_VERSION, KIND, namespace, undefined, undefined, undefined, undefined, undefined, PAGE, next);
    // A list's items come without the two fields that every item of it shares.
    for (const item of page.items) found.push({ ...(plain(item) as WasmFilter), apiVersion: API_VERSION, kind: KIND });
    next = continuation(page.metadata);
  } while (next !== undefined);
  return found.sort(byName);
}

/** The client renames `continue` for the kinds that it has classes for, and leaves it alone for all others. */
function continuation(metadata: object | undefined): string | undefined {
  const { _continue, continue: plain } = (metadata ?? {}) as { _continue?: string; continue?: string };
  return _continue || plain || undefined;
}

type Attempt = <T>(what: string, run: () => Promise<T>) => Promise<Result<T>>;

/** Server-side apply; what the manifest says wins over other managers, as with `kubectl apply`. */
async function apply(api: KubernetesObjectApi, manifest: Manifest, fallback: string, attempt: Attempt): Promise<Result<Applied>> {
  const namespace = manifest.metadata.namespace ?? fallback;
  const { kind, apiVersion } = manifest;
  const { name } = manifest.metadata;
  const object = { ...manifest, metadata: { ...manifest.metadata, namespace } };
  const what = `${kind} ${namespace}/${name}`;
  const before = await attempt(`read ${what}`, () => api.read<KubernetesObject>({ apiVersion, kind, metadata: { name, namespace } }));
  if (!before.ok && before.error.reason !== "NotFound") return before;
  const after = await attempt(`apply ${what}`, () =>
    api.patch<KubernetesObject>(object, undefined, undefined, MANAGER, true, PatchStrategy.ServerSideApply),
  );
  if (!after.ok) return after;
  const same = before.ok && before.value.metadata?.resourceVersion === after.value.metadata?.resourceVersion;
  const pin = keptPin(manifest, after.value);
  return ok({
    kind,
    namespace,
    name,
    action: !before.ok ? "created" : same ? "unchanged" : "configured",
    ...(pin === undefined ? {} : { pin }),
  });
}

/** Server-side apply leaves alone what the manifest does not mention, a rollback's spec.digest included. */
function keptPin(manifest: Manifest, after: object): string | undefined {
  const [asked, now] = [manifest, after].map((object) => (object as { spec?: { digest?: unknown } }).spec?.digest);
  return manifest.kind === KIND && asked === undefined && typeof now === "string" ? now : undefined;
}

/** A JSON merge patch: https://www.rfc-editor.org/rfc/rfc7386 */
function patchBody(header: object, { digest, annotations }: FilterPatch): object {
  const base = header as { metadata: object };
  return {
    ...header,
    ...(digest === undefined ? {} : { spec: { digest } }),
    metadata: { ...base.metadata, ...(annotations === undefined ? {} : { annotations }) },
  };
}

/** The client turns times into Date objects; everything here wants the JSON that the API server sent. */
function plain(object: unknown): unknown {
  return JSON.parse(JSON.stringify(object));
}

async function guarded<T>(server: string, what: string, run: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await run());
  } catch (error) {
    if (error instanceof ApiException) return refused(server, what, error);
    if (error instanceof Error && /^Unrecognized API version and kind/.test(error.message)) {
      return noCrd(server);
    }
    return failForNow(
      "ClusterUnreachable",
      `cannot ${what}: ${server} does not answer (${cause(error)}); check the kubeconfig and that the API server is up`,
    );
  }
}

function noCrd(server: string) {
  return fail("NoCrd", `${server} does not know ${KIND} (${API_VERSION}): install the CRD first (kubectl apply -f crds/)`);
}

function refused(server: string, what: string, error: ApiException<unknown>): Result<never> {
  const message = statusMessage(error.body);
  switch (error.code) {
    case 404:
      // An object that is missing is answered with a Status; an API group that is missing is not.
      return message === undefined ? noCrd(server) : fail("NotFound", `cannot ${what}: ${message}`);
    case 401:
      return fail("Unauthorized", `cannot ${what}: ${server} does not accept the credentials of the kubeconfig`);
    case 403:
      return fail("Forbidden", `cannot ${what}: ${message ?? "forbidden"}; ask for a Role that allows it`);
    default:
      return fail("Refused", `cannot ${what}: ${server} answered ${error.code}${message === undefined ? "" : `: ${message}`}`);
  }
}

/** The message of a Kubernetes Status. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
function statusMessage(body: unknown): string | undefined {
  const status = typeof body === "string" ? parsed(body) : body;
  const message = typeof status === "object" && status !== null ? (status as { message?: unknown }).message : undefined;
  return typeof message === "string" ? message.slice(0, 2_000) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function cause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error.cause as { code?: string; message?: string } | undefined;
  return inner?.code ?? inner?.message ?? error.message;
}
