import { INJECTED_LABEL } from "../../../model/trust-bundle.ts";
import { levelAgainstCapture } from "../../injection/inbound.ts";
import { type InjectionSettings, inject, namespaceView, readPod } from "../../injection/index.ts";
import { INJECT, PORTS } from "../../injection/names.ts";
import type { EndpointSlice, Facts, Namespace, Pod, Webhook } from "../facts.ts";
import { about, type Finding } from "../finding.ts";

const SHOWN = 5;

/** Whether pods of labelled namespaces get their sidecar. */
export function injection(facts: Facts): readonly Finding[] {
  const { webhook, injected } = facts;
  const line = about("injection");
  const labelled = injected.ok ? injected.value.filter(({ status }) => status?.phase !== "Terminating") : [];
  if (!webhook.ok) {
    if (webhook.error.status !== 404) return [line.unknown(webhook.error)];
    if (labelled.length === 0) return [line.ok("is off, and no namespace asks for it")];
    return [line.fail(`is off, but ${names(labelled)} ask for it; set injection.enabled=true`)];
  }
  if (!injected.ok) return [...configuration(webhook.value, facts), line.unknown(injected.error)];
  return [...configuration(webhook.value, facts), ...trial(facts.trial), ...workloads(labelled, facts.workloads), ...levels(labelled)];
}

function configuration({ webhooks = [] }: Webhook, { endpoints, namespace }: Facts): readonly Finding[] {
  const line = about("webhook");
  const fails = webhooks.some(({ failurePolicy }) => failurePolicy !== "Ignore") ? ": until then no pod starts in labelled namespaces" : "";
  const without = webhooks.filter(({ clientConfig }) => clientConfig.caBundle === undefined || clientConfig.caBundle === "");
  if (webhooks.length === 0) return [line.fail("its configuration names no webhook; upgrade the chart")];
  if (without.length > 0)
    return [
      line.fail(
        `it has no caBundle yet, which Weir writes when it starts${fails}; see whether Weir is ready and may patch mutatingwebhookconfigurations`,
      ),
    ];
  if (endpoints === undefined) return [line.ok("it has its caBundle")];
  if (!endpoints.ok) return [line.unknown(endpoints.error)];
  if (!endpoints.value.some(isReady))
    return [line.fail(`the Service in namespace ${namespace} has no ready endpoint${fails}; see why Weir is not ready`)];
  return [line.ok("it has its caBundle, and its Service a ready endpoint")];
}

function isReady({ endpoints = [] }: EndpointSlice): boolean {
  return endpoints.some(({ conditions }) => conditions?.ready !== false);
}

function trial(found: Facts["trial"]): readonly Finding[] {
  if (found === undefined) return [];
  const line = about("webhook");
  if (!found.ok) {
    const { status, message } = found.error;
    if (/webhook/.test(message))
      return [
        line.fail(`it does not answer: ${message}; see Weir's log, and whether a NetworkPolicy keeps the API server from port 18443`),
      ];
    return status === 403 ? [line.warn(`not tried: ${message}`)] : [line.unknown(found.error)];
  }
  const { metadata } = found.value;
  return metadata.labels?.[INJECTED_LABEL] === "true"
    ? [line.ok("a pod that was tried gets its sidecar")]
    : [line.fail(`a pod that was tried in namespace ${metadata.namespace} got no sidecar; see the webhook's namespaceSelector`)];
}

function workloads(labelled: readonly Namespace[], found: Facts["workloads"]): readonly Finding[] {
  const line = about("injection");
  if (labelled.length === 0) return [line.ok("no namespace asks for it yet: kubectl label namespace NAME weir.dev/inject=true")];
  if (!found.ok) return [line.unknown(found.error)];
  const plain = found.value.filter(shouldHave).filter(({ metadata }) => metadata.labels?.[INJECTED_LABEL] !== "true");
  if (plain.length === 0) return [line.ok(`every pod of ${names(labelled)} has its sidecar`)];
  const byReason = Map.groupBy(plain, (pod) => reasonOf(pod, labelled));
  return [...byReason].map(([reason, pods]) => {
    const ids = pods.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    return line.warn(`without a sidecar: ${firstOf(ids)}: ${reason}`);
  });
}

/** What the webhook would say of this pod now; where it would inject it, the pod was there before. */
function reasonOf(pod: Pod, labelled: readonly Namespace[]): string {
  const read = readPod(pod);
  const { namespace = "" } = pod.metadata;
  const view = namespaceView(
    namespace,
    labelled.find(({ metadata }) => metadata.name === namespace),
  );
  const done = read.ok ? inject(read.value, view, NOWHERE) : read;
  if (!done.ok) return done.error.message;
  return done.value.unchanged ?? "older than the label of their namespace; start them anew: kubectl rollout restart";
}

/** To look at what becomes of a pod; nothing of it is used. */
const NOWHERE: InjectionSettings = {
  ...{ proxyImage: { image: "" }, xds: { host: "", port: 0 }, ca: "", ownNamespace: undefined, ipv6: false },
  render: () => ({ bootstrap: "", files: {} }),
};

function shouldHave({ metadata, spec, status }: Pod): boolean {
  if (status?.phase === "Succeeded" || status?.phase === "Failed" || metadata.deletionTimestamp !== undefined) return false;
  const says = metadata.annotations?.[INJECT] ?? metadata.labels?.[INJECT];
  return spec.hostNetwork !== true && says !== "false";
}

/** Which namespaces let no pod change its packet filter. */
function levels(labelled: readonly Namespace[]): readonly Finding[] {
  const strict = labelled.filter(({ metadata }) => levelAgainstCapture(metadata.labels ?? {}) !== undefined);
  if (strict.length === 0) return [];
  const line = about("capture");
  const unmapped = strict.filter(({ metadata }) => metadata.annotations?.[PORTS] === undefined);
  if (unmapped.length === 0) return [line.ok(`${names(strict)}: ports are mapped, as their Pod Security level allows no iptables`)];
  return [
    line.warn(
      `${names(unmapped)}: their Pod Security level allows no iptables, so pods need mapped ports; annotate pods or namespace with weir.dev/ports: "8080=15080"`,
    ),
  ];
}

function names(namespaces: readonly Namespace[]): string {
  return firstOf(namespaces.map(({ metadata }) => metadata.name));
}

function firstOf(texts: readonly string[]): string {
  const more = texts.length > SHOWN ? ` and ${texts.length - SHOWN} more` : "";
  return `${texts.slice(0, SHOWN).join(", ")}${more}`;
}
