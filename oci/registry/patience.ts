import type { Result } from "../../model/result.ts";
import { type HttpOptions, type HttpRequest, type HttpResponse, send } from "./http.ts";
import { retryAfterOf } from "./retry-after.ts";

/** Longest wait for a registry that says when it wants to be asked again, in milliseconds, and how often. Others wait for this request's place meanwhile. */
const SHORT_WAIT_MS = 2_000;
const WAITS = 2;
const MIN_WAIT_MS = 100;

/** Sends; where the registry says that it has too much to do for a moment, waits for that and sends again. */
export async function patiently(http: HttpOptions, request: HttpRequest): Promise<Result<HttpResponse>> {
  for (let waits = 0; ; waits++) {
    const answer = await send(http, request);
    if (!answer.ok || (answer.value.status !== 429 && answer.value.status !== 503) || waits === WAITS || request.body !== undefined)
      return answer;
    const ms = retryAfterOf(answer.value.headers, http.clock.now());
    if (ms === undefined || ms > SHORT_WAIT_MS) return answer;
    await answer.value.discard();
    http.metrics.retried("registry");
    await pause(http, Math.max(MIN_WAIT_MS, ms) * (1 + http.random() / 4), request.signal);
  }
}

/** Ends early when the caller gives up; the request that follows says so. */
async function pause({ clock }: HttpOptions, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const over = Promise.withResolvers<void>();
  const cancel = clock.after(ms, over.resolve);
  signal?.addEventListener("abort", () => over.resolve(), { once: true });
  if (signal?.aborted) over.resolve();
  await over.promise;
  cancel();
}
