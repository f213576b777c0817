import { fieldsOf, isRecord } from "../../base/json.ts";
import { createStandingTrouble } from "../../base/standing-trouble.ts";
import type { Clock } from "../../model/clock.ts";
import type { ApiFailure, Fields, Follow, KubeApi, KubeObject } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { TrustBundle } from "../../model/trust-bundle.ts";

/** Which configuration leads the API server here, and for what. */
export interface KeptConfiguration {
  readonly kind: "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration";
  readonly name: string;
  /** The path that its webhooks are to ask at; `undefined`: whoever made it says that. */
  readonly path?: string;
  /** What does not work without it, and the flag that asks for it, for the log. */
  readonly otherwise: string;
  readonly flag: string;
}

export interface ConfigurationOptions {
  readonly api: KubeApi;
  readonly follow: Follow;
  readonly configuration: KeptConfiguration;
  readonly bundle: TrustBundle;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
}

const GROUP = "/apis/admissionregistration.k8s.io/v1";
const RESOURCES = {
  MutatingWebhookConfiguration: "mutatingwebhookconfigurations",
  ValidatingWebhookConfiguration: "validatingwebhookconfigurations",
} as const;
const RETRY_MS = 10_000;

/**
 * Keeps `caBundle` of each webhook of a configuration at what counts now, so that the API server trusts Weir's webhook, and its path where that is Weir's to say. Writes
 * only what differs. What fails is logged once and tried again, until the returned function is called.
 */
export function keepConfiguration({ api, follow, configuration, bundle, clock, log, random }: ConfigurationOptions): () => Promise<void> {
  const { kind, name, path, otherwise, flag } = configuration;
  const collection = `${GROUP}/${RESOURCES[kind]}`;
  const facts = { object: `${kind} ${name}` };
  let last: KubeObject | undefined;
  let cancel = () => {};
  let turn = Promise.resolve();
  let isStopped = false;

  const tell = createStandingTrouble(
    (error) => log.error(`the webhook configuration is not kept current: ${otherwise}`, { ...facts, error }),
    () => log.info("the webhook configuration is kept current again", facts),
  );
  const look = () => {
    turn = turn.then(async () => {
      cancel();
      const patch = last === undefined || isStopped ? [] : patchFor(last, bundle.current(), path);
      if (patch.length === 0) return last === undefined ? undefined : tell(undefined);
      const done = await api.request({
        method: "PATCH",
        path: `${collection}/${name}`,
        contentType: "application/json-patch+json",
        body: patch,
      });
      if (done.ok) {
        log.info("the webhook configuration has the authorities that count", facts);
        return tell(undefined);
      }
      tell(explain("patch", configuration, done.error));
      if (!isStopped) cancel = clock.after(RETRY_MS, look);
    });
  };
  const saw = (object: KubeObject | undefined) => {
    last = object;
    if (object === undefined) tell(`there is none; make it as the chart does, or start without ${flag}`);
    look();
  };
  const unlisten = bundle.onChange(look);
  const reflector = follow({
    ...{ api, clock, log, random, path: collection, fieldSelector: `metadata.name=${name}` },
    onList: ([object]) => saw(object),
    onEvent: (type, object) => saw(type === "DELETED" ? undefined : object),
    onTrouble: (failure) => failure !== undefined && tell(explain("watch", configuration, failure)),
  });
  return async () => {
    isStopped = true;
    cancel();
    unlisten();
    await reflector.stop();
    await turn;
  };
}

function explain(verb: string, { kind, name }: KeptConfiguration, { status, message }: ApiFailure): string {
  return status === 403
    ? `this account may not ${verb} ${RESOURCES[kind]}/${name}; grant it list, watch and patch, as the chart does`
    : `${verb}: ${message}`;
}

/** JSON Patch; the names are tested, as the list may have changed meanwhile. `path`: what their webhooks are to ask at. */
export function patchFor(configuration: Fields, bundle: string, path?: string): object[] {
  const caBundle = Buffer.from(bundle).toString("base64");
  const webhooks = Array.isArray(configuration.webhooks) ? (configuration.webhooks as readonly Fields[]) : [];
  return webhooks.flatMap(({ name, clientConfig }, index) => {
    const client = fieldsOf(clientConfig);
    const wanted = { ...(client.caBundle === caBundle ? {} : { caBundle }), ...(path === undefined ? {} : placeOf(client, path)) };
    const changes = Object.entries(wanted).map(([field, value]) => ({
      ...{ op: "add", path: `/webhooks/${index}/clientConfig/${field}`, value },
    }));
    return changes.length === 0 ? [] : [{ op: "test", path: `/webhooks/${index}/name`, value: name }, ...changes];
  });
}

/** The field that has the path, where it is another: of a Service, or of an address in its place. */
function placeOf({ service, url }: Fields, path: string): Readonly<Record<string, string>> {
  if (isRecord(service)) return service.path === path ? {} : { "service/path": path };
  if (typeof url !== "string" || !URL.canParse(url)) return {};
  const wanted = new URL(path, url).href;
  return url === wanted ? {} : { url: wanted };
}
