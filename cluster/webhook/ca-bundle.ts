import { createStandingTrouble } from "../../base/standing-trouble.ts";
import type { Clock } from "../../model/clock.ts";
import type { ApiFailure, Fields, Follow, KubeApi, KubeObject } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { TrustBundle } from "../../model/trust-bundle.ts";

export interface CaBundleOptions {
  readonly api: KubeApi;
  readonly follow: Follow;
  /** Of the MutatingWebhookConfiguration. */
  readonly name: string;
  readonly bundle: TrustBundle;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
}

const COLLECTION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const RETRY_MS = 10_000;

/**
 * Keeps `caBundle` of each webhook of a configuration at what counts now, so that the API server trusts Weir's webhook. Writes only what differs. What fails is logged
 * once and tried again, until the returned function is called.
 */
export function keepCaBundle({ api, follow, name, bundle, clock, log, random }: CaBundleOptions): () => Promise<void> {
  const facts = { object: `MutatingWebhookConfiguration ${name}` };
  let last: KubeObject | undefined;
  let cancel = () => {};
  let turn = Promise.resolve();
  let isStopped = false;

  const tell = createStandingTrouble(
    (error) => log.error("the webhook configuration is not kept current: no pod can be injected", { ...facts, error }),
    () => log.info("the webhook configuration is kept current again", facts),
  );
  const look = () => {
    turn = turn.then(async () => {
      cancel();
      const patch = last === undefined || isStopped ? [] : patchFor(last, bundle.current());
      if (patch.length === 0) return last === undefined ? undefined : tell(undefined);
      const done = await api.request({
        method: "PATCH",
        path: `${COLLECTION}/${name}`,
        contentType: "application/json-patch+json",
        body: patch,
      });
      if (done.ok) {
        log.info("the webhook configuration has the authorities that count", facts);
        return tell(undefined);
      }
      tell(explain("patch", name, done.error));
      if (!isStopped) cancel = clock.after(RETRY_MS, look);
    });
  };
  const saw = (object: KubeObject | undefined) => {
    last = object;
    if (object === undefined) tell(`there is none; make it as the chart does, or start without --webhook-configuration`);
    look();
  };
  const unlisten = bundle.onChange(look);
  const reflector = follow({
    ...{ api, clock, log, random, path: COLLECTION, fieldSelector: `metadata.name=${name}` },
    onList: ([object]) => saw(object),
    onEvent: (type, object) => saw(type === "DELETED" ? undefined : object),
    onTrouble: (failure) => failure !== undefined && tell(explain("watch", name, failure)),
  });
  return async () => {
    isStopped = true;
    cancel();
    unlisten();
    await reflector.stop();
    await turn;
  };
}

function explain(verb: string, name: string, { status, message }: ApiFailure): string {
  return status === 403
    ? `this account may not ${verb} mutatingwebhookconfigurations/${name}; grant it list, watch and patch, as the chart does`
    : `${verb}: ${message}`;
}

/** JSON Patch; the names are tested, as the list may have changed meanwhile. */
export function patchFor(configuration: Fields, bundle: string): object[] {
  const caBundle = Buffer.from(bundle).toString("base64");
  const webhooks = Array.isArray(configuration.webhooks) ? (configuration.webhooks as readonly Fields[]) : [];
  return webhooks.flatMap(({ name, clientConfig }, index) => {
    if ((clientConfig as Fields | undefined)?.caBundle === caBundle) return [];
    const path = `/webhooks/${index}`;
    return [
      { op: "test", path: `${path}/name`, value: name },
      { op: "add", path: `${path}/clientConfig/caBundle`, value: caBundle },
    ];
  });
}
