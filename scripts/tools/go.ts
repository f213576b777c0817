import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, keyOf } from "./cache.ts";
import { needGo } from "./machine.ts";
import { outsideNpm, runOk, ToolError } from "./run.ts";

/** The module that pins the real parts which the tests run against. */
const MODULE = fileURLToPath(new URL("../../tools/", import.meta.url));

const PACKAGES = {
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  kubectl: "k8s.io/kubernetes/cmd/kubectl",
  etcd: "go.etcd.io/etcd/server/v3",
  registry: "github.com/distribution/distribution/v3/cmd/registry",
} as const;

export type GoTool = keyof typeof PACKAGES;
export const GO_TOOLS = Object.keys(PACKAGES) as GoTool[];

/**
 * The path of a tool built from `tools/go.mod`, built the first time and kept in the cache by version and checksums.
 * Throws a ToolError, one line for a machine without Go, the compiler's last lines for a build that fails.
 */
export async function installGoTool(name: GoTool): Promise<string> {
  const [mod, sum] = await Promise.all([readFile(join(MODULE, "go.mod"), "utf8"), readFile(join(MODULE, "go.sum"), "utf8")]);
  const packagePath = PACKAGES[name];
  const flags = ["-buildvcs=false", "-ldflags", linkerFlags(mod)];
  const key = keyOf(mod, sum, flags.join(" "), process.platform, process.arch);
  const folder = await cached(`${name}-${versionOf(mod, packagePath)}-${key}`, async (draft) => {
    await needGo(MODULE);
    await runOk("go", ["build", ...flags, "-o", join(draft, name), packagePath], {
      cwd: MODULE,
      env: { ...outsideNpm(), CGO_ENABLED: "0" },
    });
  });
  return join(folder, name);
}

/** Kubernetes takes its own version from the linker, and refuses requests when it has none. */
function linkerFlags(mod: string): string {
  const version = versionOf(mod, PACKAGES.kubectl);
  const [major = "", minor = ""] = version.slice(1).split(".");
  const set = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`;
  return ["-s", "-w", set("gitVersion", version), set("gitMajor", major), set("gitMinor", minor)].join(" ");
}

/** `v1.36.3`: the version that go.mod requires of the module that holds `packagePath`. */
export function versionOf(mod: string, packagePath: string): string {
  const required = [...mod.matchAll(/^\s*(?:require )?(\S+) (v\S+)/gm)].map(([, path = "", version = ""]) => ({ path, version }));
  const holders = required.filter(({ path }) => `${packagePath}/`.startsWith(`${path}/`));
  const version = holders.sort((a, b) => b.path.length - a.path.length)[0]?.version;
  if (version === undefined) throw new ToolError(`tools/go.mod requires no module that holds ${packagePath}`);
  return version;
}
