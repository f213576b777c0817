import { clip } from "../../base/text.ts";
import { ok, type Result } from "../../model/result.ts";
import { usage } from "./usage.ts";

/** A registry as it stands in references, from what a person types: a host, or its address with a scheme. */
export async function registryArgument(text: string): Promise<Result<string>> {
  const { parseReference } = await import("../../oci/index.ts");
  const host = text.replace(/^https?:\/\//i, "").replace(/(?:\/v[12])?\/*$/, "");
  const shown = JSON.stringify(clip(text, 200));
  if (host.includes("/")) return usage(`REGISTRY is ${shown}; name the registry alone, host or host:port`);
  const parsed = parseReference(`${host.toLowerCase()}/name:tag`);
  const isHost =
    parsed.ok &&
    parsed.value.kind === "registry" &&
    (parsed.value.registry === host.toLowerCase() || parsed.value.registry === "docker.io");
  if (!isHost || (parsed.value.registry === "docker.io" && !/docker\.io$/i.test(host)))
    return usage(`REGISTRY is ${shown}, which is no host: write one with a dot or a port, e.g. registry.example or localhost:5000`);
  return ok(parsed.value.registry);
}
