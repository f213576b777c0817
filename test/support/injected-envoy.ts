import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { EnvoyVersion } from "../../scripts/tools/envoy.ts";
import { type Envoy, startEnvoy } from "./envoy.ts";
import { reservePort } from "./ports.ts";
import { createTempFolder } from "./temp-folder.ts";

/** What is read of an injected pod's container. */
interface InjectedPod {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: { readonly initContainers: readonly { readonly name: string; readonly args: readonly string[] }[] };
}

export interface InjectedEnvoyOptions {
  readonly podIp?: string;
  readonly token?: string;
  readonly version?: EnvoyVersion;
}

/**
 * The Envoy of an injected pod, outside of a pod: what the kubelet would do with its arguments, annotations and token is done here, and each port that it listens on is a
 * free one (`envoy.port("ready")`).
 */
export async function startInjectedEnvoy(t: TestContext, pod: InjectedPod, options: InjectedEnvoyOptions = {}): Promise<Envoy> {
  const { path: folder, remove } = await createTempFolder("injected");
  t.after(remove);
  const here = (text: string) =>
    text.replaceAll("/etc/weir", join(folder, "etc")).replaceAll("/var/run/secrets/weir.dev", join(folder, "token"));
  await mkdir(join(folder, "etc"));
  await mkdir(join(folder, "token"));
  await writeFile(join(folder, "token/token"), options.token ?? "");
  for (const [name, text] of Object.entries(pod.metadata.annotations)) {
    const file = name === "weir.dev/ca" ? "ca.crt" : name.replace("weir.dev/", "");
    await writeFile(join(folder, "etc", file), here(text));
  }
  const config = configOf(pod, options.podIp ?? "127.0.0.1");
  const envoy = await startEnvoy({
    config: here(config)
      .replaceAll("port_value: 15000", `port_value: ${await reservePort()}`)
      .replace(/("0\.0\.0\.0", port_value: )150\d\d/g, "$10"),
    log: "warning",
    args: ["--service-node", "web-1", "--drain-strategy", "immediate"],
    ...(options.version === undefined ? {} : { version: options.version }),
  });
  t.after(() => envoy.stop());
  return envoy;
}

/** The bootstrap in the arguments of its container, with the variables that Kubernetes puts there. */
export function configOf(pod: InjectedPod, podIp: string): string {
  const args = pod.spec.initContainers.find(({ name }) => name === "weir-envoy")?.args ?? [];
  return (args[args.indexOf("--config-yaml") + 1] ?? "").replaceAll(/\$\$|\$\(WEIR_POD_IP\)/g, (text) => (text === "$$" ? "$" : podIp));
}
