import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, keyOf } from "../../base/cache-folder.ts";
import { needGo } from "./machine.ts";
import { outsideNpm, runOk, ToolError } from "./run.ts";

/** The modules that pin the real parts which the tests run against. Each has its own versions of what it depends on, so a change in one builds no other again. */
const MODULES = fileURLToPath(new URL("../../tools/", import.meta.url));

interface Tool {
  /** Folder of its module below `tools/`. */
  readonly module: string;
  readonly package: string;
  /** Build tags. */
  readonly tags?: string;
}

/** Without what finds targets in clouds: tests name theirs. */
const NO_DISCOVERY = "remove_all_sd";

/** What every machine that runs the tests builds. */
const TOOLS = {
  "kube-apiserver": { module: "", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
  kubectl: { module: "", package: "k8s.io/kubernetes/cmd/kubectl" },
  etcd: { module: "", package: "go.etcd.io/etcd/server/v3" },
  registry: { module: "", package: "github.com/distribution/distribution/v3/cmd/registry" },
  cosign: { module: "cosign", package: "github.com/sigstore/cosign/v3/cmd/cosign" },
  "ggcr-registry": { module: "ggcr", package: "." },
  "dashboard-schema": { module: "dashboard", package: "." },
  helm: { module: "helm", package: "helm.sh/helm/v4/cmd/helm" },
  oras: { module: "oras", package: "oras.land/oras/cmd/oras" },
  prometheus: { module: "prometheus", package: "github.com/prometheus/prometheus/cmd/prometheus", tags: NO_DISCOVERY },
  promtool: { module: "prometheus", package: "github.com/prometheus/prometheus/cmd/promtool", tags: NO_DISCOVERY },
} as const satisfies Record<string, Tool>;

/** What a cluster with a node takes besides. */
const NODE_TOOLS = {
  "kube-controller-manager": { module: "cluster", package: "k8s.io/kubernetes/cmd/kube-controller-manager" },
  "kube-scheduler": { module: "cluster", package: "k8s.io/kubernetes/cmd/kube-scheduler" },
  kubelet: { module: "cluster", package: "k8s.io/kubernetes/cmd/kubelet" },
  "kube-proxy": { module: "cluster", package: "k8s.io/kubernetes/cmd/kube-proxy" },
  coredns: { module: "coredns", package: "github.com/coredns/coredns" },
  "test-app": { module: "app", package: "." },
} as const satisfies Record<string, Tool>;

const ALL = { ...TOOLS, ...NODE_TOOLS };

export type GoTool = keyof typeof ALL;
export const GO_TOOLS = Object.keys(TOOLS) as GoTool[];
export const NODE_GO_TOOLS = Object.keys(NODE_TOOLS) as GoTool[];

/**
 * The path of a tool built from a module in `tools/`, built the first time and kept in the cache by version and checksums.
 * Throws a ToolError, one line for a machine without Go, the compiler's last lines for a build that fails.
 */
export async function installGoTool(name: GoTool): Promise<string> {
  const tool: Tool = ALL[name];
  const folder = join(MODULES, tool.module);
  return tool.package === "." ? installOwn(name, folder) : installRequired(name, folder, tool);
}

/** A program that stands in the module itself: its key is all that stands there. */
async function installOwn(name: GoTool, module: string): Promise<string> {
  const files = (await readdir(module)).sort();
  const sources = (await Promise.all(files.map(async (file) => [file, await readFile(join(module, file), "utf8")]))).flat();
  const flags = ["-buildvcs=false", "-ldflags", "-s -w"];
  return build({ name, key: `${name}-${keyOf(...sources, flags.join(" "), process.platform, process.arch)}`, module, flags, path: "." });
}

async function installRequired(name: GoTool, module: string, { package: path, tags }: Tool): Promise<string> {
  const [mod, sum] = await Promise.all([readFile(join(module, "go.mod"), "utf8"), readFile(join(module, "go.sum"), "utf8")]);
  const flags = ["-buildvcs=false", ...(tags === undefined ? [] : ["-tags", tags]), "-ldflags", linkerFlags(mod)];
  const key = keyOf(mod, sum, flags.join(" "), process.platform, process.arch);
  return build({ name, key: `${name}-${versionOf(mod, path)}-${key}`, module, flags, path });
}

interface Build {
  readonly name: GoTool;
  readonly key: string;
  readonly module: string;
  readonly flags: readonly string[];
  readonly path: string;
}

async function build({ name, key, module, flags, path }: Build): Promise<string> {
  const folder = await cached(key, async (draft) => {
    await needGo(module);
    await runOk("go", ["build", ...flags, "-o", join(draft, name), path], {
      cwd: module,
      env: { ...outsideNpm(), CGO_ENABLED: "0" },
    });
  });
  return join(folder, name);
}

/** Kubernetes takes its own version from the linker, and refuses requests when it has none. */
function linkerFlags(mod: string): string {
  if (!/\sk8s\.io\/kubernetes v/.test(mod)) return "-s -w";
  const version = versionOf(mod, TOOLS.kubectl.package);
  const [major = "", minor = ""] = version.slice(1).split(".");
  const set = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`;
  return ["-s", "-w", set("gitVersion", version), set("gitMajor", major), set("gitMinor", minor)].join(" ");
}

/** `v1.36.3`: the version that a go.mod requires of the module that holds `packagePath`. */
export function versionOf(mod: string, packagePath: string): string {
  const required = [...mod.matchAll(/^\s*(?:require )?(\S+) (v\S+)/gm)].map(([, path = "", version = ""]) => ({ path, version }));
  const holders = required.filter(({ path }) => `${packagePath}/`.startsWith(`${path}/`));
  const version = holders.sort((a, b) => b.path.length - a.path.length)[0]?.version;
  if (version === undefined) throw new ToolError(`no go.mod in tools/ requires a module that holds ${packagePath}`);
  return version;
}
