import { isUtf8 } from "node:buffer";
import { type CarriedSchema, CONFIG_SCHEMA_TYPE, MAX_CONFIG_SCHEMA_BYTES } from "../../model/config-schema.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Manifest } from "../repository/manifest.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { uniqueByDigest } from "./select.ts";

/**
 * The schema of configurations that an image carries as a layer of its own; `undefined`: none. One that cannot be used is in nobody's way who gives no configuration, so
 * this fails only where trying again may help.
 */
export async function fetchConfigSchema(
  repository: RepositoryReader,
  manifest: Manifest,
  signal?: AbortSignal,
): Promise<Result<CarriedSchema | undefined>> {
  const [layer, ...others] = uniqueByDigest(manifest.layers.filter(({ mediaType }) => mediaType === CONFIG_SCHEMA_TYPE));
  if (layer === undefined) return ok(undefined);
  if (others.length > 0) return ok({ problem: `is one of ${others.length + 1}` });
  if (layer.size > MAX_CONFIG_SCHEMA_BYTES) return ok({ problem: `has more than ${MAX_CONFIG_SCHEMA_BYTES} bytes` });
  const blob = await repository.blob(layer, MAX_CONFIG_SCHEMA_BYTES, signal);
  if (!blob.ok) return blob.error.retryable ? blob : ok({ problem: "is not in its repository as the manifest says" });
  if (!isUtf8(blob.value)) return ok({ problem: "is not UTF-8" });
  return ok({ text: Buffer.from(blob.value).toString("utf8") });
}
