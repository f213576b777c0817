import type { Deployment, Facts, Pod } from "../facts.ts";
import { about, type Finding } from "../finding.ts";

/** Waiting for one of these, a container cannot have its image. https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff */
const NO_IMAGE: ReadonlySet<string> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "RegistryUnavailable",
]);
const MANY_RESTARTS = 3;

/** Whether Weir runs in its namespace, and nowhere else. */
export function weir(facts: Facts): readonly Finding[] {
  const { deployments, namespace } = facts;
  const line = about("weir");
  if (!deployments.ok) return [line.unknown(deployments.error)];
  const here = deployments.value.filter(({ metadata }) => metadata.namespace === namespace);
  const others = deployments.value.filter(({ metadata }) => metadata.namespace !== namespace);
  const [first] = here;
  if (first === undefined) return [notHere(namespace, others), ...(others.length > 1 ? [several(deployments.value)] : [])];
  const second = deployments.value.length > 1 ? [several(deployments.value)] : [];
  return [running(first), ...second, ...pods(facts.pods)];
}

function notHere(namespace: string, others: readonly Deployment[]): Finding {
  const line = about("weir");
  const [other] = others;
  if (other !== undefined)
    return line.fail(`there is no Weir in namespace ${namespace}, but one in ${other.metadata.namespace}; name that with --namespace`);
  return line.fail(
    `there is no Weir in namespace ${namespace}; install it: helm install weir charts/weir -n ${namespace} --create-namespace`,
  );
}

function several(all: readonly Deployment[]): Finding {
  const places = all.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(", ");
  return about("one weir").fail(`${all.length} Weirs are in this cluster (${places}) and write the same status; uninstall all but one`);
}

function running({ metadata, spec, status }: Deployment): Finding {
  const line = about("weir");
  const name = `Deployment ${metadata.namespace}/${metadata.name}`;
  const wanted = spec.replicas ?? 1;
  const ready = status?.readyReplicas ?? 0;
  if (wanted === 0) return line.fail(`${name} is scaled to 0; scale it to 1`);
  if (ready >= wanted) return line.ok(`${name} is ready`);
  const why = status?.conditions?.find(({ type, status: value }) => type === "ReplicaFailure" && value === "True")?.message;
  return line.fail(`${name} has ${ready} of ${wanted} replicas ready${why === undefined ? "; see the pod below" : `: ${why}`}`);
}

function pods(found: Facts["pods"]): readonly Finding[] {
  if (!found.ok) return [about("pod").unknown(found.error)];
  return found.value.flatMap(ofPod);
}

function ofPod({ metadata, status }: Pod): readonly Finding[] {
  const line = about("pod");
  if (metadata.deletionTimestamp !== undefined) return [];
  const { name, namespace } = metadata;
  if (status?.phase === "Failed")
    return [
      line.warn(
        `${name} ended (${status.reason ?? "no reason"}${status.message === undefined ? "" : `: ${status.message}`}); another takes its place`,
      ),
    ];
  const scheduled = status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status === "False")
    return [
      line.fail(
        `${name} has no node: ${scheduled.message ?? scheduled.reason ?? "no reason"}; make room, or change resources, nodeSelector or tolerations`,
      ),
    ];
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return containers.flatMap(({ name: container, image, state, lastState, restartCount = 0 }) => {
    const waiting = state?.waiting?.reason ?? "";
    const logs = `kubectl -n ${namespace} logs ${name} -c ${container} --previous`;
    if (NO_IMAGE.has(waiting)) return [line.fail(noImage(image ?? "its image", waiting, state?.waiting?.message))];
    if (waiting === "CrashLoopBackOff") return [line.fail(`${container} ends again and again (${ending(lastState)}); see ${logs}`)];
    if (waiting !== "" && waiting !== "ContainerCreating" && waiting !== "PodInitializing")
      return [
        line.fail(
          `${container} waits (${waiting}): ${state?.waiting?.message ?? "no message"}; see kubectl -n ${namespace} describe pod ${name}`,
        ),
      ];
    if (restartCount >= MANY_RESTARTS)
      return [line.warn(`${container} was started ${restartCount} times anew, last after ${ending(lastState)}; see ${logs}`)];
    return [];
  });
}

function noImage(image: string, reason: string, message: string | undefined): string {
  const todo =
    "Weir's images are not published: make them with npm run image, push them to a registry that the nodes reach, and set image.repository (docs/install.md)";
  return `${image} cannot be pulled (${reason}${message === undefined ? "" : `: ${message}`}); ${todo}, and imagePullSecrets where it asks who pulls`;
}

function ending(last: { readonly terminated?: { readonly reason?: string; readonly exitCode?: number } } | undefined): string {
  const ended = last?.terminated;
  if (ended === undefined) return "no status";
  if (ended.reason === "OOMKilled") return "it took more memory than its limit";
  return `exit status ${ended.exitCode ?? "unknown"}`;
}
