import { printExactJson } from "../../model/exact-json.ts";
import type { InjectionOutcome, Metrics } from "../../model/metrics.ts";
import type { Result } from "../../model/result.ts";
import { type InjectionSettings, inject, type NamespaceView, patchOf, readPod } from "../injection/index.ts";
import { type Answer, type Asked, allow, type Handler, refuse } from "./review.ts";

export interface PodsOptions {
  /** As they are now: authorities change. */
  readonly settings: () => InjectionSettings;
  /** Fails in words for who makes the pod. */
  readonly namespaceOf: (name: string) => Promise<Result<NamespaceView>>;
  readonly metrics: Pick<Metrics, "askedToInject">;
}

/** Puts Envoy into new pods that ask for it. */
export function createPodHandler({ settings, namespaceOf, metrics }: PodsOptions): Handler {
  return {
    path: "/inject",
    async answer(asked) {
      const { outcome, ...answer } = answerTo(asked, await namespaceOf(asked.namespace), settings());
      metrics.askedToInject(outcome);
      return answer;
    },
    refused: () => metrics.askedToInject("invalid"),
  };
}

interface PodAnswer extends Answer {
  readonly outcome: InjectionOutcome;
}

/** What the API server is told. `namespace`: of the pod, or why it is not known. */
export function answerTo(asked: Asked, namespace: Result<NamespaceView>, settings: InjectionSettings): PodAnswer {
  if (!isNewPod(asked)) return unchanged(asked, "it is not the creation of a pod");
  if (!namespace.ok) return refused(asked, 500, namespace.error.message);
  const pod = readPod(asked.object);
  if (!pod.ok) return refused(asked, 400, pod.error.message);
  const done = inject(pod.value, namespace.value, settings);
  if (!done.ok) return refused(asked, 400, done.error.message);
  const { pod: injected, unchanged: why, warnings } = done.value;
  if (why !== undefined) return unchanged(asked, why, warnings);
  const patch = Buffer.from(printExactJson(patchOf(pod.value, injected))).toString("base64");
  const review = allow(asked, { warnings, patchType: "JSONPatch", patch });
  return { review, outcome: "injected", isRefusal: false, line: "a pod is injected", facts: { pod: idOf(asked) } };
}

/** Nothing is to be done to others. */
function isNewPod({ kind, group, subResource, operation }: Asked): boolean {
  return kind === "Pod" && group === "" && subResource === "" && operation === "CREATE";
}

function unchanged(asked: Asked, reason: string, warnings: readonly string[] = []): PodAnswer {
  const facts = { pod: idOf(asked), reason };
  return { review: allow(asked, { warnings }), outcome: "unchanged", isRefusal: false, line: "a pod is left as it is", facts };
}

function refused(asked: Asked, code: number, reason: string): PodAnswer {
  const facts = { pod: idOf(asked), reason };
  return { review: refuse(asked, code, reason), outcome: "refused", isRefusal: true, line: "a pod is refused", facts };
}

function idOf({ namespace, name }: Asked): string {
  return `${namespace}/${name}`;
}
