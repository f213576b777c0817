import assert from "node:assert/strict";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { parse, parseAllDocuments, stringify } from "yaml";
import { createAuthority } from "../base/testing/certificates.ts";
import type { ProxyView } from "../hub/index.ts";
import { pushModule } from "../oci/index.ts";
import { type Cluster, kubectl, startCluster } from "./support/cluster.ts";
import { fileOf, parsed } from "./support/control-planes.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { expanded, jsonPatchAdd, type Loose, protoNames, startOtherEnvoy } from "./support/other-envoy.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { createSnippets } from "./support/snippets.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, type Weir, weir } from "./support/weir.ts";

const HCM = "envoy.filters.network.http_connection_manager";
const HCM_TYPE = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const CLUSTER_TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const ROUTER = {
  name: "envoy.filters.http.router",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
};
/** Name in the certificate of Weir's server, and the namespaces of the proxies with what is in their label `app`. */
const NAME = "weir.weir-system.svc";
const FILTERS = { test: "test", "envoy-gateway-system": "gateway", projectcontour: "envoy", shop: "web" };
const TOKEN = "a-token-of-the-tests-0123456789";

/** How a proxy reaches Weir: as the pages have it, or without TLS and token, as they say that it may be changed. */
const WAYS = ["with TLS and a token", "plain"] as const;
type Way = (typeof WAYS)[number];

/** What ends when the tests do; the last that began ends first. */
const open: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const close of open.reverse()) await close();
});

let folder: string;
let app: EchoApp;
const servers = new Map<Way, Weir>();

before(async () => {
  const temp = await createTempFolder("connect");
  open.push(temp.remove);
  folder = temp.path;
  app = await startEchoApp();
  open.push(app.stop);
  await mkdir(join(folder, "filters"));
  const pushed = await pushModule("oci-layout:images:mark", await headerFilter({ name: "x-weir", value: "on" }), {
    keychain: new Map(),
    layoutBase: folder,
  });
  assert.ok(pushed.ok);
  for (const [namespace, app] of Object.entries(FILTERS)) {
    const spec = { image: "oci-layout:images:mark", selector: { matchLabels: { app } } };
    const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "add-header", namespace }, spec };
    await writeFile(join(folder, "filters", `${namespace}.json`), JSON.stringify(manifest));
  }
  const { cert, key } = authority.issue(NAME);
  const tokens = Object.keys(FILTERS).map((namespace): object => ({ token: `${namespace}-${TOKEN}`, namespace }));
  tokens.push({ token: `reader-${TOKEN}`, role: "reader" });
  for (const [name, text] of Object.entries({
    "tls.crt": cert,
    "tls.key": key,
    "ca.crt": authority.cert,
    "tokens.yaml": stringify(tokens),
  }))
    await writeFile(join(folder, name), text, { mode: 0o600 });
  const flags = ["--xds-tls-cert", "tls.crt", "--xds-tls-key", "tls.key", "--token-auth-file", "tokens.yaml"];
  for (const way of WAYS) {
    const options = { source: ["--filters", "filters"], data: `data-${way === "plain"}`, cwd: folder, flags: way === "plain" ? [] : flags };
    const server = await startWeir(options);
    open.push(server.stop);
    servers.set(way, server);
  }
});

const authority = createAuthority("weir");

/** The folder of one proxy: the token of its namespace, and the ConfigMap that the documented command prints, as volumes. */
async function clientFolder(t: TestContext, namespace: string): Promise<string> {
  const temp = await createTempFolder("client");
  t.after(temp.remove);
  const { data } = parse(await printedConfigMap());
  for (const [name, text] of Object.entries({ ...data, token: `${namespace}-${TOKEN}` }))
    await writeFile(join(temp.path, name), inFolder(String(text), temp.path));
  return temp.path;
}

let printed: Promise<string> | undefined;

function printedConfigMap(): Promise<string> {
  printed ??= createSnippets("connect/README").then((page) => {
    const [, command = ""] = /^weir (.*?) \|/m.exec(page.text("in-cluster")) ?? [];
    return weir(command.replace("ca.crt", join(folder, "ca.crt")).split(" "));
  });
  return printed;
}

const inFolder = (text: string, path: string) => text.replaceAll("/etc/weir", path).replaceAll("/var/run/secrets/weir.dev", path);

/** A snippet as it stands, but for where Weir and its files are on this machine, and without TLS and token if that is the way. */
function here<T>(snippet: T, way: Way, path: string): T {
  const text = inFolder(JSON.stringify(snippet).replaceAll("weir.example", NAME), path).replaceAll(
    /"address":"weir\.[a-z.-]+","port_value":18000/g,
    () => {
      const port = servers.get(way)?.xdsPort;
      return `"address":"127.0.0.1","port_value":${port}`;
    },
  );
  const cluster = (value: Loose): Loose => {
    if (Array.isArray(value)) return value.map(cluster);
    if (typeof value !== "object" || value === null) return value;
    if (value.name === "weir_xds" && value.transport_socket !== undefined && way === "plain") {
      const { transport_socket: _, ...rest } = value;
      delete rest.typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].http_filters;
      return rest;
    }
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cluster(inner)]));
  };
  return cluster(JSON.parse(text));
}

/** Waits for the header, and for the proxy to be known under this name. */
async function assertFiltered(way: Way, envoy: Envoy, listener: string, proxy: string, host = "app"): Promise<void> {
  const port = await eventually("the listener", () => envoy.port(listener), 20_000);
  await soon(async () => {
    const { status, headers } = await get(port, { host });
    return [status, headers["x-weir"]];
  }, [200, "on"]);
  const answer = await fetch(`${servers.get(way)?.url}/api/v1/proxies`, { headers: { authorization: `Bearer reader-${TOKEN}` } });
  const known = (await answer.json()) as ProxyView[];
  assert.deepEqual(
    known.filter(({ id }) => id === proxy).map(({ connected }) => connected),
    [true],
  );
}

const toApp = () => ({ socket_address: { address: "127.0.0.1", port_value: app.port } });
const endpoints = (cluster_name: string) => ({ cluster_name, endpoints: [{ lb_endpoints: [{ endpoint: { address: toApp() } }] }] });
const allTo = (cluster: string) => [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster } }] }];

describe("Istio", () => {
  for (const way of WAYS) {
    test(`a sidecar takes filters from Weir beside Istio (${way})`, async (t) => {
      const page = await createSnippets("connect/istio");
      const client = await clientFolder(t, "test");
      const bootstrap = await parsed("istio", "running_golden.json");
      bootstrap.admin.address.socket_address.port_value = 0;
      for (const { address } of bootstrap.static_resources.listeners) address.socket_address.port_value = 0;
      const override = parse(page.yaml("configmap").data["custom_bootstrap.json"]);
      const { listener, clusters } = withEnvoyFilter(inbound(), [appCluster()], here(page.yaml("envoyfilter"), way, client));
      const discovered = { lds: [listener], rds: [], cds: clusters, eds: [] };
      const args = ["--allow-unknown-static-fields", "--config-yaml", JSON.stringify(override)];
      const envoy = await startOtherEnvoy({ bootstrap, discovered, folder: client, version: "1.39.3", args });
      t.after(envoy.stop);
      await assertFiltered(way, envoy, "virtualInbound", "sidecar~1.2.3.4~foo~bar");
    });
  }

  /** As istiod builds it for a port of an app, less what only Istio's build of Envoy has (istio.stats, istio.metadata_exchange). */
  const inbound = () => {
    const filters = ["grpc_stats.v3.FilterConfig", "fault.v3.HTTPFault", "cors.v3.Cors"].map((type) => ({
      name: `envoy.filters.http.${type.split(".")[0]}`,
      typed_config: { "@type": `type.googleapis.com/envoy.extensions.filters.http.${type}` },
    }));
    const manager = {
      "@type": HCM_TYPE,
      stat_prefix: "inbound_0.0.0.0_80;",
      route_config: { name: "inbound|80||", virtual_hosts: allTo("inbound|80||") },
      http_filters: [...filters, ROUTER],
      server_name: "istio-envoy",
      use_remote_address: false,
      forward_client_cert_details: "APPEND_FORWARD",
    };
    return {
      "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
      name: "virtualInbound",
      address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
      filter_chains: [{ name: "0.0.0.0_80", filters: [{ name: HCM, typed_config: manager }] }],
      traffic_direction: "INBOUND",
    };
  };
  const appCluster = () => ({
    "@type": CLUSTER_TYPE,
    name: "inbound|80||",
    connect_timeout: "10s",
    load_assignment: endpoints("inbound|80||"),
  });

  /** As istiod applies an EnvoyFilter to what it serves. https://istio.io/latest/docs/reference/config/networking/envoy-filter/ */
  function withEnvoyFilter(listener: Loose, clusters: Loose[], { spec }: Loose) {
    for (const { applyTo, match, patch } of spec.configPatches) {
      assert.equal(match.context, "SIDECAR_INBOUND");
      if (applyTo === "CLUSTER") {
        assert.equal(patch.operation, "ADD");
        clusters.push({ "@type": CLUSTER_TYPE, ...patch.value });
        continue;
      }
      assert.deepEqual([applyTo, patch.operation], ["HTTP_FILTER", "INSERT_BEFORE"]);
      const { filter } = match.listener.filterChain;
      for (const { filters } of listener.filter_chains) {
        const manager = filters.find(({ name }: Loose) => name === filter.name);
        const at = manager.typed_config.http_filters.findIndex(({ name }: Loose) => name === filter.subFilter.name);
        assert.notEqual(at, -1);
        manager.typed_config.http_filters.splice(at, 0, patch.value);
      }
    }
    return { listener, clusters };
  }
});

describe("Envoy Gateway", () => {
  for (const way of WAYS) {
    test(`a gateway takes filters from Weir beside Envoy Gateway (${way})`, async (t) => {
      const page = await createSnippets("connect/envoy-gateway");
      const client = await clientFolder(t, "envoy-gateway-system");
      let bootstrap = await parsed("envoyGateway", "disable-prometheus.yaml");
      for (const { op, path, value } of here(page.yaml("envoyproxy"), way, client).spec.bootstrap.jsonPatches) {
        assert.equal(op, "add");
        bootstrap = jsonPatchAdd(bootstrap, path, value);
      }
      bootstrap = JSON.parse(expanded(JSON.stringify(bootstrap), { ENVOY_POD_NAMESPACE: "envoy-gateway-system", ENVOY_SERVICE_ZONE: "a" }));
      bootstrap.admin.address.socket_address.port_value = 0;
      // Its certificates for Envoy Gateway, and the address of that, are not on this machine.
      const own = bootstrap.static_resources.clusters.find(({ name }: Loose) => name === "xds_cluster");
      delete own.transport_socket;
      own.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address = "127.0.0.1";
      const { listener, route, cluster, assignment } = await ofGateway();
      const [added, patch] = here(page.yaml("envoypatchpolicy"), way, client).spec.jsonPatches;
      assert.deepEqual(
        [added.type, added.operation.op, added.operation.path, added.operation.value.name],
        [CLUSTER_TYPE, "add", "", added.name],
      );
      assert.deepEqual([patch.type, patch.name, patch.operation.op], [listener["@type"], listener.name, "add"]);
      const patched = jsonPatchAdd(listener, patch.operation.path, patch.operation.value);
      const more = { "@type": CLUSTER_TYPE, ...added.operation.value };
      const local = { "@type": assignment["@type"], cluster_name: "local_cluster" };
      const discovered = { lds: [patched], rds: [route], cds: [cluster, more], eds: [assignment, local] };
      const args = ["--service-node", "envoy-default-eg-1", "--service-cluster", "default/eg"];
      const envoy = await startOtherEnvoy({ bootstrap, discovered, folder: client, version: "1.39.3", args });
      t.after(envoy.stop);
      await assertFiltered(way, envoy, "default/eg/http", "envoy-default-eg-1", "www.example.com");
    });
  }

  /** What Envoy Gateway prints for a Gateway with a listener `http` and a route of `www.example.com`, as its patches see it. */
  async function ofGateway() {
    const dump = async (what: string) => (await parsed("envoyGateway", `from-gateway-api-to-xds.${what}.yaml`)).xds["default/eg"];
    const named = (name: string) => (resource: Loose) => [resource.name, resource.cluster_name].includes(name);
    const listeners = protoNames(
      (await dump("listener")).dynamicListeners.map(({ activeState }: Loose) => activeState.listener),
    ) as Loose[];
    const routes = protoNames((await dump("route")).dynamicRouteConfigs.map(({ routeConfig }: Loose) => routeConfig)) as Loose[];
    const clusters = protoNames((await dump("cluster")).dynamicActiveClusters.map(({ cluster }: Loose) => cluster)) as Loose[];
    const assignments = protoNames(
      (await dump("endpoint")).dynamicEndpointConfigs.map(({ endpointConfig }: Loose) => endpointConfig),
    ) as Loose[];
    const backend = "httproute/default/backend/rule/0";
    const listener = listeners.find(named("default/eg/http"));
    listener.address.socket_address = { address: "127.0.0.1", port_value: 0 };
    const assignment = assignments.find(named(backend));
    assignment.endpoints[0].lb_endpoints[0].endpoint.address = toApp();
    return { listener, route: routes.find(named("default/eg/http")), cluster: clusters.find(named(backend)), assignment };
  }
});

describe("Contour", () => {
  for (const way of WAYS) {
    test(`a listener before Contour's takes filters from Weir (${way})`, async (t) => {
      const client = await clientFolder(t, "projectcontour");
      const args: readonly string[] = (await patchedEnvoy()).args;
      const given = expanded(args.at(-1) ?? "", { CONTOUR_NAMESPACE: "projectcontour", ENVOY_POD_NAME: "envoy-1" });
      const ingress = await reservePort();
      const override = here(
        parse(given.replaceAll("port_value: 8180", "port_value: 0").replaceAll("port_value: 8080", `port_value: ${ingress}`)),
        way,
        client,
      );
      const { bootstrap, discovered } = contour(ingress);
      const more = ["--service-cluster", "projectcontour", "--service-node", "envoy-1", "--config-yaml", JSON.stringify(override)];
      const envoy = await startOtherEnvoy({ bootstrap, discovered, folder: client, version: "1.38.2", args: more });
      t.after(envoy.stop);
      await assertFiltered(way, envoy, "weir", "envoy-1");
      assert.equal((await get(ingress)).headers["x-weir"], undefined, "Contour's own port is as it was");
    });
  }

  /** The container `envoy` of Contour's own DaemonSet once the API server has applied the documented patch. */
  async function patchedEnvoy(): Promise<Loose> {
    const patched = JSON.parse(await kube(["get", "daemonset", "envoy", "-n", "projectcontour", "-o", "json"]));
    return patched.spec.template.spec.containers.find(({ name }: Loose) => name === "envoy");
  }

  /** The parts of its bootstrap (internal/envoy/v3/bootstrap.go) and of its HTTP listener (listener.go) that a request meets. */
  function contour(port: number) {
    const ads = { ads: {}, resource_api_version: "V3" };
    const names = ["grpc_web.v3.GrpcWeb", "grpc_stats.v3.FilterConfig", "cors.v3.Cors", "rbac.v3.RBAC"];
    const filters = names.map((type) => ({
      name: `envoy.filters.http.${type.split(".")[0]}`,
      typed_config: { "@type": `type.googleapis.com/envoy.extensions.filters.http.${type}` },
    }));
    const manager = {
      "@type": HCM_TYPE,
      stat_prefix: "ingress_http",
      rds: { route_config_name: "ingress_http", config_source: ads },
      http_filters: [...filters, ROUTER],
      use_remote_address: true,
      xff_num_trusted_hops: 1,
      normalize_path: true,
      merge_slashes: true,
      strip_any_host_port: true,
    };
    const listener = {
      "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
      name: "ingress_http",
      address: { socket_address: { address: "127.0.0.1", port_value: port } },
      filter_chains: [{ filters: [{ name: HCM, typed_config: manager }] }],
    };
    const route = {
      "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
      name: "ingress_http",
      virtual_hosts: allTo("default/app/80/da39a3ee5e"),
    };
    const cluster = {
      "@type": CLUSTER_TYPE,
      name: "default/app/80/da39a3ee5e",
      type: "EDS",
      connect_timeout: "2s",
      eds_cluster_config: { eds_config: ads, service_name: "default/app/http" },
    };
    const assignment = { "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", ...endpoints("default/app/http") };
    const bootstrap = {
      dynamic_resources: { lds_config: ads, cds_config: ads },
      default_regex_engine: {
        name: "envoy.regex_engines.google_re2",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.regex_engines.v3.GoogleRE2" },
      },
      static_resources: { clusters: [{ name: "contour", connect_timeout: "5s", load_assignment: endpoints("contour") }] },
      admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } },
    };
    return { bootstrap, discovered: { lds: [listener], rds: [route], cds: [cluster], eds: [assignment] } };
  }
});

describe("an Envoy of one's own", () => {
  /** Without the blocks of the page. */
  const own = () => ({
    static_resources: {
      listeners: [
        {
          name: "inbound",
          address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
          filter_chains: [
            {
              filters: [
                {
                  name: HCM,
                  typed_config: {
                    "@type": HCM_TYPE,
                    stat_prefix: "in",
                    route_config: { virtual_hosts: allTo("app") },
                    http_filters: [ROUTER] as object[],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [{ name: "app", connect_timeout: "5s", load_assignment: endpoints("app") } as object],
    },
  });

  for (const way of WAYS) {
    test(`three blocks in a configuration of one's own (${way})`, async (t) => {
      const page = await createSnippets("connect/plain");
      const client = await clientFolder(t, "shop");
      const config = { ...own(), ...page.yaml("node") };
      config.static_resources.clusters.push(...here(page.yaml("clusters"), way, client));
      config.static_resources.listeners[0]?.filter_chains[0]?.filters[0]?.typed_config.http_filters.unshift(...page.yaml("http_filters"));
      const envoy = await startEnvoy({ config: JSON.stringify(config), log: "warning" });
      t.after(envoy.stop);
      await assertFiltered(way, envoy, "inbound", "web-1");
    });
  }

  test("what the documented `weir bootstrap` prints", async (t) => {
    const client = await clientFolder(t, "shop");
    const [command = ""] = (await createSnippets("connect/plain")).text("bootstrap").replaceAll("\\\n", "").split("\n");
    const port = servers.get(WAYS[0])?.xdsPort;
    const args = inFolder(command, client).replace("127.0.0.1:8080", `127.0.0.1:${app.port}`).split(/\s+/).slice(1);
    await weir(args);
    const text = await readFile(join(client, "envoy.yaml"), "utf8");
    const config = text
      .replace('address: "weir.example", port_value: 18000', `address: 127.0.0.1, port_value: ${port}`)
      .replaceAll("weir.example", NAME)
      .replace("port_value: 10000", "port_value: 0");
    const envoy = await startEnvoy({ config, log: "warning" });
    t.after(envoy.stop);
    await assertFiltered(WAYS[0], envoy, "inbound", "web-1");
  });

  test("a slot whose cluster comes late answers 500 until it is there, as the documentation says", async (t) => {
    const page = await createSnippets("connect/plain");
    const client = await clientFolder(t, "shop");
    const { static_resources } = own();
    const [slot] = page.yaml("http_filters");
    slot.config_discovery.config_source.initial_fetch_timeout = "1s";
    static_resources.listeners[0]?.filter_chains[0]?.filters[0]?.typed_config.http_filters.unshift(slot);
    const bootstrap = { ...page.yaml("node"), static_resources, dynamic_resources: { cds_config: { ads: {} } } };
    const discovered = { lds: [], rds: [], cds: [], eds: [] };
    const envoy = await startOtherEnvoy({ bootstrap, discovered, folder: client, version: "1.40.0" });
    t.after(envoy.stop);
    const answer = async () => (await get(await envoy.port())).status;
    await eventually("it to give up waiting", async () => (await answer()) === 500);
    const [cluster] = here(page.yaml("clusters"), "plain", client);
    await writeFile(join(client, "next"), JSON.stringify({ resources: [{ "@type": CLUSTER_TYPE, ...cluster }] }));
    await rename(join(client, "next"), join(client, "cds.json"));
    await eventually("its filters", async () => (await answer()) === 200, 20_000);
  });
});

let cluster: Cluster;
const kube = (args: readonly string[], input?: string) => kubectl(args, { ...cluster, input });

before(async () => {
  cluster = await startCluster();
  open.push(cluster.stop);
  const istio = parseAllDocuments(await readFile(await fileOf("istioApi", "customresourcedefinitions.gen.yaml"), "utf8"));
  const envoyFilters = istio
    .map((document) => document.toJS())
    .find(({ metadata }) => metadata.name === "envoyfilters.networking.istio.io");
  await kube(["create", "-f", "-"], stringify(envoyFilters));
  for (const name of ["envoypatchpolicies", "envoyproxies"]) {
    await kube(["create", "-f", await fileOf("envoyGateway", `gateway.envoyproxy.io_${name}.yaml`)]);
  }
  for (const name of ["shop", "envoy-gateway-system", "projectcontour"]) await kube(["create", "namespace", name]);
  await kube(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
  for (const file of ["02-service-envoy.yaml", "03-envoy.yaml"]) await kube(["create", "-f", await fileOf("contour", file)]);
  const page = await createSnippets("connect/contour");
  const patch = (what: string, name: string) =>
    kube(["patch", what, "envoy", "-n", "projectcontour", "-p", JSON.stringify(page.yaml(name))]);
  await patch("daemonset", "daemonset-patch");
  await patch("service", "service-patch");
});

describe("what the API server of a cluster says of the snippets", () => {
  const accepts = (object: unknown) => kube(["create", "--dry-run=server", "--validate=strict", "-f", "-"], stringify(object));

  for (const [page, names] of Object.entries({
    istio: ["configmap", "envoyfilter"],
    "envoy-gateway": ["envoyproxy", "envoypatchpolicy"],
  })) {
    for (const name of names) {
      test(`${page}.md: ${name}`, async () => {
        assert.match(await accepts((await createSnippets(`connect/${page}`)).yaml(name)), /created \(server dry run\)/);
      });
    }
  }

  test("README.md: the ConfigMap that the documented command prints", async () => {
    assert.match(await accepts(parse(await printedConfigMap())), /created \(server dry run\)/);
  });

  test("a snippet that has a field too many, or of the wrong type, is refused", async () => {
    const filter = (await createSnippets("connect/istio")).yaml("envoyfilter");
    await assert.rejects(accepts({ ...filter, spec: { ...filter.spec, configPatch: [] } }), /unknown field/);
    const policy = (await createSnippets("connect/envoy-gateway")).yaml("envoypatchpolicy");
    await assert.rejects(accepts({ ...policy, spec: { ...policy.spec, type: "Merge" } }), /Unsupported value/);
  });

  test("Istio's annotations make volumes that a pod may have", async () => {
    const { annotations } = (await createSnippets("connect/istio")).yaml("annotations").metadata;
    const entries = (name: string) => Object.entries(JSON.parse(annotations[`sidecar.istio.io/${name}`])) as [string, object][];
    // As Istio's injection template writes them.
    const volumes = entries("userVolume").map(([name, value]) => ({ name, ...value }));
    const volumeMounts = entries("userVolumeMount").map(([name, value]) => ({ name, ...value }));
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop", annotations } };
    await kube(["create", "serviceaccount", "default", "-n", "shop"]).catch(() => undefined);
    await accepts({
      ...pod,
      spec: { serviceAccountName: "default", containers: [{ name: "istio-proxy", image: "proxyv2", volumeMounts }], volumes },
    });
  });

  test("Contour's DaemonSet and Service, patched, lead port 80 through the new listener", async () => {
    const { spec } = JSON.parse(await kube(["get", "daemonset", "envoy", "-n", "projectcontour", "-o", "json"]));
    const envoy = spec.template.spec.containers.find(({ name }: Loose) => name === "envoy");
    const ports = Object.fromEntries(envoy.ports.map(({ containerPort, hostPort }: Loose) => [containerPort, hostPort]));
    assert.deepEqual(ports, { 8080: undefined, 8180: 80, 8443: 443, 8002: undefined });
    const service = JSON.parse(await kube(["get", "service", "envoy", "-n", "projectcontour", "-o", "json"]));
    assert.deepEqual(
      service.spec.ports.map(({ port, targetPort }: Loose) => [port, targetPort]),
      [
        [80, 8180],
        [443, 8443],
      ],
    );
  });
});
