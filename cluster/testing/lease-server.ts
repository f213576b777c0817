import type { ApiFailure, ApiRequest, Fields, KubeApi } from "../../model/kube.ts";
import { ok, type Result } from "../../model/result.ts";
import { failureOf } from "./kube.ts";

/** An API server in memory that holds one Lease, and replaces it as a real one does: only in the state that the writer saw. */
export interface LeaseServer {
  /** Reaches the server until `cut`, which answers as where it cannot be reached; `lose`: what is asked for next is done, and its answer is lost. */
  client(): { readonly api: KubeApi; cut(isCut: boolean): void; lose(): void };
  /** The Lease's spec. */
  spec(): Fields | undefined;
  /** What the Events say that were written. */
  readonly events: string[];
}

export function createLeaseServer(): LeaseServer {
  let stored: Fields | undefined;
  let version = 0;
  const events: string[] = [];
  const put = (body: unknown): Result<Fields, ApiFailure> => {
    const given = body as Fields & { readonly metadata: Fields };
    stored = { ...given, metadata: { ...given.metadata, resourceVersion: String(++version) } };
    return ok(stored);
  };
  const refuse = (status: number): Result<Fields, ApiFailure> => ({ ok: false, error: failureOf(status) });
  function serve({ method = "GET", path, body }: ApiRequest): Result<Fields, ApiFailure> {
    if (path.endsWith("/events")) {
      const { reason, message } = body as { readonly reason: string; readonly message: string };
      events.push(`${reason}: ${message}`);
      return ok({});
    }
    if (method === "POST") return stored === undefined ? put(body) : refuse(409);
    if (stored === undefined) return refuse(404);
    if (method === "GET") return ok(stored);
    const { resourceVersion } = (body as { readonly metadata: { readonly resourceVersion?: string } }).metadata;
    return resourceVersion === String(version) ? put(body) : refuse(409);
  }
  return {
    client() {
      let [isCut, isLost] = [false, false];
      const api: KubeApi = {
        server: "https://api.example",
        async request(request) {
          const answer = isCut ? refuse(0) : serve(request);
          if (!isLost) return answer;
          isLost = false;
          return refuse(0);
        },
        watch: () => Promise.reject(new Error("nothing is watched")),
      };
      return {
        api,
        cut(cut) {
          isCut = cut;
        },
        lose() {
          isLost = true;
        },
      };
    },
    spec: () => stored?.spec as Fields | undefined,
    events,
  };
}
