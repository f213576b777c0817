import { createStandingTrouble } from "../../base/standing-trouble.ts";
import type { Clock } from "../../model/clock.ts";
import { type Fields, type KubeApi, metadataAs } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { Failure } from "../../model/result.ts";
import { CA_ANNOTATION, INJECTED_LABEL, type TrustBundle } from "../../model/trust-bundle.ts";
import { refusal } from "../refusal.ts";

export interface BundleInPodsOptions {
  readonly api: KubeApi;
  readonly bundle: TrustBundle;
  readonly clock: Clock;
  readonly log: Log;
}

/** A pod that was admitted with the bundle of before may be stored after it was looked. */
const AGAIN_MS = 60_000;
/** It is looked so often without a reason: for whoever was away when the bundle changed. */
const LOOK_MS = 3_600_000;
/** Between two pods: some 40 a second, so that 20,000 are told within a hasty announcement. */
const PAUSE_MS = 20;
const PAGE = "500";

/**
 * Keeps the annotation `weir.dev/ca` of the pods that Weir injected at what the bundle holds, until the returned function is called. The kubelet makes a file of it that
 * Envoy reads anew, so proxies trust a new authority before it signs.
 */
export function keepBundleInPods({ api, bundle, clock, log }: BundleInPodsOptions): () => Promise<void> {
  const pause = createPause(clock);
  let isDue = true;
  const tell = createStandingTrouble((error) => log.warn("pods cannot be told which authorities count", { error }));
  const unlisten = bundle.onChange(() => {
    isDue = true;
    pause.wake();
  });

  async function run(): Promise<void> {
    while (!pause.isOver()) {
      const wasDue = isDue;
      isDue = false;
      const { told, failure } = await tellPods(api, bundle, pause);
      tell(failure?.message);
      if (told > 0) log.info("pods were told which authorities count", { pods: told });
      if (!isDue) await pause.for(failure !== undefined || wasDue ? AGAIN_MS : LOOK_MS);
    }
  }

  const running = run().catch((error) => log.error("pods are not told any more which authorities count", { error: String(error) }));
  return async () => {
    unlisten();
    pause.end();
    await running;
  };
}

/** `told`: how many pods had another bundle and have this one now. `failure`: the first one. A pod that cannot be changed, by whoever made it so, keeps no other from being told. */
async function tellPods(api: KubeApi, bundle: TrustBundle, pause: Pause): Promise<{ told: number; failure?: Failure | undefined }> {
  let told = 0;
  let failure: Failure | undefined;
  let next = "";
  do {
    const query = { labelSelector: `${INJECTED_LABEL}=true`, limit: PAGE, ...(next === "" ? {} : { continue: next }) };
    const page = await api.request({ path: "/api/v1/pods", query, accept: metadataAs("PartialObjectMetadataList") });
    if (!page.ok)
      return { told, failure: refusal({ verb: "list", resource: "pods", id: `with the label ${INJECTED_LABEL}` }, page.error).error };
    for (const { namespace, name, uid, ca } of podsOf(page.value)) {
      const wanted = bundle.current();
      if (pause.isOver() || ca === undefined || ca === wanted) continue;
      const body = { metadata: { uid, annotations: { [CA_ANNOTATION]: wanted } } };
      const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
      const done = await api.request({ method: "PATCH", path, contentType: "application/merge-patch+json", body });
      // A pod that is gone, or another one by its name, needs nothing.
      if (!done.ok && done.error.status !== 404 && done.error.status !== 409) {
        failure ??= refusal({ verb: "patch", resource: "pods", id: `${namespace}/${name}` }, done.error).error;
        if (done.error.retryable) return { told, failure };
      }
      if (done.ok) told += 1;
      await pause.for(PAUSE_MS);
    }
    const { continue: more } = (page.value.metadata ?? {}) as Fields;
    next = typeof more === "string" && !pause.isOver() ? more : "";
  } while (next !== "");
  return { told, failure };
}

interface AnnotatedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Absent: it has no such annotation, so it needs none. */
  readonly ca: string | undefined;
}

function podsOf({ items }: Fields): readonly AnnotatedPod[] {
  return (Array.isArray(items) ? items : []).map(({ metadata = {} }) => {
    const { namespace, name, uid, annotations = {} } = metadata;
    return { namespace: String(namespace), name: String(name), uid: String(uid), ca: annotations[CA_ANNOTATION] };
  });
}

/** Waits that can be cut short. */
interface Pause {
  for(ms: number): Promise<void>;
  wake(): void;
  end(): void;
  isOver(): boolean;
}

function createPause(clock: Clock): Pause {
  let isOver = false;
  let wake = () => {};
  return {
    for(ms) {
      if (isOver) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = clock.after(ms, resolve);
        wake = () => {
          cancel();
          resolve();
        };
      });
    },
    wake: () => wake(),
    end() {
      isOver = true;
      wake();
    },
    isOver: () => isOver,
  };
}
