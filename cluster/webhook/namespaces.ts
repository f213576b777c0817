import type { KubeApi } from "../../model/kube.ts";
import { failForNow, ok, type Result } from "../../model/result.ts";
import { type NamespaceView, namespaceView } from "../injection/index.ts";

/** The API server gives up after 10 s, and says so in words of its own. */
const LONGEST_MS = 5_000;

/**
 * Reads a namespace, as it is at this moment. Without its labels and annotations nobody knows which ports and slots its pods are to have, so a failure refuses the
 * pod: its words are for who makes it.
 */
export async function readNamespace(api: KubeApi, name: string): Promise<Result<NamespaceView>> {
  const found = await api.request({ path: `/api/v1/namespaces/${name}`, signal: AbortSignal.timeout(LONGEST_MS) });
  if (found.ok) return ok(namespaceView(name, found.value));
  const { status, message } = found.error;
  const why = status === 403 ? "its account may not get namespaces; grant it that, as the chart does" : message;
  return failForNow("NamespaceUnknown", `Weir cannot read the namespace ${name}, which says how its pods are injected: ${why}`);
}
