/**
 * Generates `xds/gen/` from the .proto files that @grpc/grpc-js-xds carries and from our own in `xds/proto/` (which win over a file of the same path), and `cluster/gen/`
 * from `cluster/proto/`.
 * Same inputs, same bytes: the drift check generates into a temporary folder and compares. See docs/decisions/0003-protobuf-code.md.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";

const root = resolve(import.meta.dirname, "..");
const deps = join(root, "node_modules/@grpc/grpc-js-xds/deps");
/** Where an import is looked for, in this order. */
const sources = [
  join(root, "xds/proto"),
  join(root, "cluster/proto"),
  ...["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((name) => join(deps, name)),
];

/** Messages, and the file each is in. Everything they refer to comes with them; nothing else does. */
export type Messages = Readonly<Record<string, readonly string[]>>;

/** What replicas tell each other. */
export const replicaMessages: Messages = {
  "weir/v1/replicas.proto": ["weir.v1.FromCaller", "weir.v1.ToCaller", "weir.v1.Wanted", "weir.v1.Piece"],
};

/** What Weir reads or writes as an xDS server. */
const messages: Messages = {
  "envoy/service/discovery/v3/discovery.proto": [
    "envoy.service.discovery.v3.DiscoveryRequest",
    "envoy.service.discovery.v3.DiscoveryResponse",
    "envoy.service.discovery.v3.DeltaDiscoveryRequest",
    "envoy.service.discovery.v3.DeltaDiscoveryResponse",
  ],
  "envoy/service/status/v3/csds.proto": ["envoy.service.status.v3.ClientStatusRequest", "envoy.service.status.v3.ClientStatusResponse"],
  "envoy/service/metrics/v3/metrics_service.proto": [
    "envoy.service.metrics.v3.StreamMetricsMessage",
    "envoy.service.metrics.v3.StreamMetricsResponse",
  ],
  "envoy/config/core/v3/extension.proto": ["envoy.config.core.v3.TypedExtensionConfig"],
  "envoy/config/listener/v3/listener.proto": ["envoy.config.listener.v3.Listener"],
  "envoy/config/route/v3/route.proto": ["envoy.config.route.v3.RouteConfiguration"],
  "envoy/config/cluster/v3/cluster.proto": ["envoy.config.cluster.v3.Cluster"],
  "envoy/config/endpoint/v3/endpoint.proto": ["envoy.config.endpoint.v3.ClusterLoadAssignment"],
  "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto": [
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
  ],
  "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto": ["envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"],
  "envoy/extensions/filters/network/wasm/v3/wasm.proto": ["envoy.extensions.filters.network.wasm.v3.Wasm"],
  "envoy/extensions/filters/http/wasm/v3/wasm.proto": ["envoy.extensions.filters.http.wasm.v3.Wasm"],
  "envoy/extensions/filters/http/router/v3/router.proto": ["envoy.extensions.filters.http.router.v3.Router"],
  "envoy/extensions/filters/http/filter_chain/v3/filter_chain.proto": ["envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig"],
  "google/rpc/status.proto": ["google.rpc.Status"],
  "grpc/health/v1/health.proto": ["grpc.health.v1.HealthCheckRequest", "grpc.health.v1.HealthCheckResponse"],
};

const options = [
  "esModuleInterop=true",
  "importSuffix=.ts",
  "env=node",
  "oneof=unions",
  "enumsAsLiterals=true",
  "useOptionals=all",
  "outputServices=none",
  "outputClientImpl=false",
  "outputJsonMethods=false",
  "outputPartialMethods=false",
  "annotateFilesWithVersion=false",
  "removeEnumPrefix=false",
  "useExactTypes=false",
  "exportCommonSymbols=false",
  "comments=false",
];

/** Writes the generated TypeScript into `outDir`, replacing what is there. Throws when an import cannot be found or buf fails. */
export async function generateProtos(outDir: string, wantedMessages: Messages = messages): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "weir-protos-"));
  try {
    await collectProtos(Object.keys(wantedMessages), join(work, "proto"));
    await symlink(join(root, "node_modules"), join(work, "node_modules"));
    await writeFile(join(work, "buf.yaml"), JSON.stringify({ version: "v2", modules: [{ path: "proto" }] }));
    await writeFile(join(work, "buf.gen.yaml"), JSON.stringify(template(wantedMessages)));
    await run("node_modules/.bin/buf", ["generate"], work);
    const wanted = await reachable(join(work, "gen"), wantedMessages);
    await rm(outDir, { recursive: true, force: true });
    for (const path of wanted) await cp(path, join(outDir, relative(join(work, "gen"), path)));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function template(messages: Messages) {
  return {
    version: "v2",
    inputs: [{ directory: ".", types: Object.values(messages).flat() }],
    plugins: [
      {
        local: ["node", "node_modules/ts-proto/protoc-gen-ts_proto"],
        out: "gen",
        opt: options,
        include_imports: true,
        include_wkt: true,
        strategy: "all",
      },
    ],
  };
}

/** Copies these .proto files of Envoy, xDS and googleapis, and everything they import, into `to`. buf brings google/protobuf itself. */
export async function collectProtos(files: readonly string[], to: string): Promise<void> {
  const seen = new Set(files);
  for (const file of seen) {
    // The validate.proto beside these files is older than they are and lacks this rule; rules generate no code.
    const text = (await readFile(await find(file), "utf8")).replaceAll(" ignore_empty: true", "");
    await mkdir(dirname(join(to, file)), { recursive: true });
    await writeFile(join(to, file), text);
    for (const [, imported] of text.matchAll(/^import (?:public )?"([^"]+)";/gm)) {
      if (imported !== undefined && !imported.startsWith("google/protobuf/")) seen.add(imported);
    }
  }
}

/** The generated files that the wanted messages lead to: leaves out those that only carry options (validate, annotations, descriptor). */
async function reachable(gen: string, messages: Messages): Promise<Set<string>> {
  const seen = new Set(Object.keys(messages).map((file) => join(gen, file.replace(/\.proto$/, ".ts"))));
  for (const file of seen) {
    for (const [, imported] of (await readFile(file, "utf8")).matchAll(/ from "(\.[^"]+)";/g)) {
      if (imported !== undefined) seen.add(join(dirname(file), imported));
    }
  }
  return seen;
}

async function find(file: string): Promise<string> {
  for (const source of sources) {
    const path = join(source, file);
    if (await stat(path).catch(() => undefined)) return path;
  }
  throw new Error(`${file} is imported but in none of ${sources.join(", ")}: add it to xds/proto/`);
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const path = `${dirname(process.execPath)}:${process.env.PATH ?? ""}`;
  await promisify(execFile)(join(cwd, command), args, { cwd, env: { ...process.env, PATH: path }, maxBuffer: 1 << 26 });
}

if (import.meta.main) {
  await generateProtos(join(root, "xds/gen"));
  await generateProtos(join(root, "cluster/gen"), replicaMessages);
}
