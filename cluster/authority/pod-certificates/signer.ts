import { backoff } from "../../../base/backoff.ts";
import { createWorkQueue, type Requeue, type WorkQueue } from "../../../base/work-queue.ts";
import type { Clock } from "../../../model/clock.ts";
import type { ClusterAccess, Fields, KubeObject, Reflector } from "../../../model/kube.ts";
import type { Log } from "../../../model/log.ts";
import type { Result } from "../../../model/result.ts";
import { refusal } from "../../refusal.ts";
import type { Authority } from "../authority.ts";
import { type Answer, deny, issue } from "./answer.ts";
import type { PodCertificateApi } from "./discovery.ts";
import { denialOf, type PodCertificateRequest, readRequest } from "./request.ts";
import { SIGNER, writeBundle } from "./trust-bundle.ts";

export interface SignerOptions {
  readonly cluster: ClusterAccess;
  readonly found: PodCertificateApi;
  readonly authority: Authority;
  /** Weir's own. */
  readonly namespace: string;
  /** Of the SPIFFE ids that it puts into certificates. */
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** It is looked so often whether somebody changed the bundle. */
const LOOK_MS = 3_600_000;
const CONCURRENCY = 4;
const RETRY = { firstMs: 500, longestMs: 60_000, jitter: [0.5, 1] } as const;
/** What the API server says of who has no right to the signer: it is not a 403. */
const NOT_PERMITTED = /is not permitted to "sign"/;
const BUNDLE = "the bundle";

/**
 * Signs PodCertificateRequests that name `weir.dev/proxy`, and keeps the ClusterTrustBundle beside them, until the returned function is called. Nothing is signed before
 * the bundle is there: a pod would get a certificate and no authority to check Weir by.
 */
export function startSigner(options: SignerOptions): () => Promise<void> {
  const signer = new Signer(options);
  signer.start();
  return () => signer.stop();
}

class Signer {
  private readonly options: SignerOptions;
  private readonly waiting = new Map<string, PodCertificateRequest>();
  private readonly queue: WorkQueue;
  private readonly unlisten: () => void;
  private reflector: Reflector | undefined;
  private trouble: string | undefined;

  constructor(options: SignerOptions) {
    this.options = options;
    const { authority, clock, log } = options;
    this.queue = createWorkQueue({
      process: (key) => (key === BUNDLE ? this.keepBundle() : this.answer(key)),
      failed: (key, error) => log.error("a pod certificate could not be looked at", { request: key, error: String(error) }),
      concurrency: CONCURRENCY,
      groupOf: (key) => key.slice(0, Math.max(0, key.indexOf("/"))),
      clock,
      backoff: (failures) => backoff(RETRY, failures, Math.random),
    });
    this.unlisten = authority.onChange(() => this.queue.add(BUNDLE));
  }

  start(): void {
    this.queue.add(BUNDLE);
  }

  async stop(): Promise<void> {
    this.unlisten();
    await Promise.all([this.reflector?.stop(), this.queue.stop()]);
  }

  private async keepBundle(): Promise<Requeue> {
    const { cluster, found, namespace, authority, log } = this.options;
    const written = await writeBundle({ api: cluster.api, apiVersion: found.bundles, namespace, bundle: authority.current() });
    if (!written.ok) {
      this.tell("the ClusterTrustBundle is not kept", written.error.message);
      return { retry: true };
    }
    if (written.value) log.info("the ClusterTrustBundle has the authorities that count");
    this.reflector ??= this.follow();
    return { afterMs: LOOK_MS };
  }

  private follow(): Reflector {
    const { cluster, found, clock, log } = this.options;
    log.info("pod certificates are signed", { signer: SIGNER, api: found.requests });
    return cluster.follow({
      ...{ api: cluster.api, clock, log, random: Math.random },
      path: `/apis/${found.requests}/podcertificaterequests`,
      fieldSelector: `spec.signerName=${SIGNER}`,
      onList: (objects) => {
        this.waiting.clear();
        for (const object of objects) this.saw("ADDED", object);
      },
      onEvent: (type, object) => this.saw(type, object),
      onTrouble: (failure) => {
        if (failure === undefined) return;
        const { error } = refusal({ verb: "watch", resource: "podcertificaterequests", id: `of ${SIGNER}` }, failure);
        this.tell("pod certificates cannot be watched", error.message);
      },
    });
  }

  private saw(type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const request = type === "DELETED" ? undefined : readRequest(object);
    if (request === undefined) {
      this.waiting.delete(key);
      this.queue.forget(key);
    } else {
      this.waiting.set(key, request);
      this.queue.add(key);
    }
  }

  private async answer(key: string): Promise<Requeue> {
    const request = this.waiting.get(key);
    if (request === undefined) return {};
    const answered = await this.tryToAnswer(request);
    if (!answered.ok) {
      this.tell("a pod certificate is not signed", answered.error.message);
      return { retry: true };
    }
    this.trouble = undefined;
    this.waiting.delete(key);
    return {};
  }

  private async tryToAnswer(request: PodCertificateRequest): Promise<Result<Fields>> {
    const { clock, log } = this.options;
    const { namespace, podName } = request;
    const pod = await this.options.cluster.api.request({ path: `/api/v1/namespaces/${namespace}/pods/${podName}` });
    if (!pod.ok && pod.error.status !== 404) return refusal({ verb: "get", resource: "pods", id: `${namespace}/${podName}` }, pod.error);
    const denial = denialOf(request, pod.ok ? pod.value : undefined);
    if (denial !== undefined) {
      log.warn("a pod certificate is denied", { pod: `${namespace}/${podName}`, reason: denial.reason, why: denial.message });
      return this.write(request, () => deny(denial, clock.now()));
    }
    return this.write(request, (now) => this.issued(request, now));
  }

  private issued(request: PodCertificateRequest, now: number): Answer {
    const { authority, trustDomain } = this.options;
    const { publicKey } = request;
    if (publicKey === undefined) throw new Error("a request without a key is denied");
    return issue({ authority: authority.signing(), trustDomain, request, publicKey, now });
  }

  /** By this clock, and where the API server's is another one by that: it takes no certificate that begins more than five minutes from its own time. */
  private async write(request: PodCertificateRequest, answerAt: (now: number) => Answer): Promise<Result<Fields>> {
    const { cluster, found, clock } = this.options;
    const { namespace, name, createdAt } = request;
    const path = `/apis/${found.requests}/namespaces/${namespace}/podcertificaterequests/${name}/status`;
    const patch = (now: number) =>
      cluster.api.request({ method: "PATCH", path, contentType: "application/merge-patch+json", body: { status: answerAt(now) } });
    const own = await patch(clock.now());
    const done = !own.ok && own.error.status === 422 ? await patch(createdAt) : own;
    // It is gone.
    if (!done.ok && done.error.status === 404) return { ok: true, value: {} };
    if (done.ok) return done;
    if (NOT_PERMITTED.test(done.error.message))
      return refusal({ verb: "sign", resource: "signers", id: SIGNER }, { ...done.error, status: 403 });
    return refusal({ verb: "patch", resource: "podcertificaterequests/status", id: `${namespace}/${name}` }, done.error);
  }

  /** Once until it changes. */
  private tell(message: string, error: string): void {
    if (error === this.trouble) return;
    this.trouble = error;
    this.options.log.warn(message, { error });
  }
}
