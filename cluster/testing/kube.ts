import type { ApiFailure, ApiRequest, Fields, Follow, KubeApi, KubeObject, ReflectorOptions } from "../../model/kube.ts";
import { ok, type Result } from "../../model/result.ts";

/** An API server whose answers a test gives, one by one and when it wants. */
export interface FakeKube {
  readonly api: KubeApi;
  readonly follow: Follow;
  /** Waits until something is asked, and answers the oldest; gives what was asked. */
  answer(answer: Fields | ApiFailure): Promise<ApiRequest>;
  /** What was asked in all. */
  count(): number;
  list(objects: readonly KubeObject[]): void;
  event(type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void;
  trouble(failure: ApiFailure | undefined): void;
}

export function createFakeKube(): FakeKube {
  const asked: { readonly request: ApiRequest; readonly resolve: (answer: Result<Fields, ApiFailure>) => void }[] = [];
  let count = 0;
  let options: ReflectorOptions | undefined;
  const api: KubeApi = {
    server: "https://api.example",
    request(request) {
      count += 1;
      const { promise, resolve } = Promise.withResolvers<Result<Fields, ApiFailure>>();
      asked.push({ request, resolve });
      return promise;
    },
    watch: () => Promise.reject(new Error("nothing watches by itself")),
  };
  return {
    api,
    async answer(answer) {
      while (asked.length === 0) await new Promise(setImmediate);
      const oldest = asked.shift();
      oldest?.resolve("retryable" in answer ? { ok: false, error: answer as ApiFailure } : ok(answer));
      await new Promise(setImmediate);
      return oldest?.request ?? { path: "" };
    },
    count: () => count,
    follow(given) {
      options = given;
      return { listed: Promise.resolve(), stop: async () => {} };
    },
    list: (objects) => options?.onList(objects.map((object) => options?.keep?.(object) ?? object)),
    event: (type, object) => options?.onEvent(type, object),
    trouble: (failure) => options?.onTrouble(failure),
  };
}

export function failureOf(status: number): ApiFailure {
  return { status, reason: "Failed", message: `it answered ${status}`, retryable: status === 0 || status >= 500 };
}
