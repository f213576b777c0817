import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FilterKey } from "../../model/filter.ts";
import { API_VERSION, KIND } from "../../model/gen/wasmfilter.ts";
import { ok, type Result } from "../../model/result.ts";
import { pushModule } from "../../oci/index.ts";

/** The annotation that tells what was applied last from what was before. */
export const APPLIED = "local.weir.dev/applied";

/** What of a filter may change while it runs. */
export interface FilterContent {
  readonly module: Uint8Array;
  readonly config: string;
  readonly rootId: string;
  /** The JSON Schema of its configurations, by which `config` is judged. */
  readonly configSchema?: Uint8Array | undefined;
}

/** A filter in a folder of manifests, its images in a folder beside. */
export interface AppliedFilter {
  readonly key: FilterKey;
  /** Where the manifests are. */
  readonly manifests: string;
  /** Puts this in force in place of what was there, and gives the mark by which `inForce` knows it. */
  apply(content: FilterContent): Promise<Result<string>>;
}

/** Images that are kept: what is in force, and what comes next. */
const KEPT = 2;

/** `folder`: an empty one, from which the server takes relative `oci-layout:` references. */
export async function createAppliedFilter(folder: string, key: FilterKey): Promise<AppliedFilter> {
  const manifests = join(folder, "manifests");
  await mkdir(manifests);
  let number = 0;
  return {
    key,
    manifests,
    async apply({ module, config, rootId, configSchema }) {
      number += 1;
      const image = `oci-layout:images/${number}:filter`;
      const pushed = await pushModule(image, module, { keychain: new Map(), layoutBase: folder, configSchema });
      if (!pushed.ok) return pushed;
      const mark = String(number);
      const spec = {
        image,
        ...(config === "" ? {} : { config }),
        ...(rootId === "" ? {} : { rootId }),
        // An author who saved something wants to see it, and what Envoy says of it.
        rollout: { autoRollback: false },
        revisionHistoryLimit: 1,
      };
      const metadata = { ...key, annotations: { [APPLIED]: mark } };
      // Whole for whoever reads it; a file of this folder need not survive a power cut.
      await writeFile(join(manifests, ".next"), JSON.stringify({ apiVersion: API_VERSION, kind: KIND, metadata, spec }));
      await rename(join(manifests, ".next"), join(manifests, "filter.json"));
      await rm(join(folder, "images", String(number - KEPT)), { recursive: true, force: true });
      return ok(mark);
    },
  };
}
