import { isRecord } from "../../base/json.ts";
import type { Fields } from "../../model/kube.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** A Pod, or the template of one, as far as injection looks at it; the rest is kept as it is. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ */
export interface Pod extends Fields {
  readonly metadata: PodMetadata;
  readonly spec: PodSpec;
}

export interface PodMetadata extends Fields {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PodSpec extends Fields {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly (Fields & { readonly name: string })[];
}

export interface Container extends Fields {
  readonly name: string;
  readonly ports?: readonly ContainerPort[];
}

export interface ContainerPort extends Fields {
  readonly containerPort: number;
  readonly name?: string;
  readonly protocol?: string;
}

/** A sidecar is an init container that stays. https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ */
export function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === "Always";
}

/** More than any pod that the API server stores can hold, and little enough to look at. */
const MAX_CONTAINERS = 1_000;
const MAX_PORTS = 1_000;
const MAX_PAIRS = 10_000;

/** Looks at a pod that anyone may have written. Fails with `InvalidPod`, naming the field; what injection does not use is left for the API server to judge. */
export function readPod(value: unknown): Result<Pod> {
  if (!isRecord(value)) return invalid("is no object");
  const { metadata = {}, spec } = value;
  if (!isRecord(metadata)) return invalid("metadata is no object");
  for (const name of ["labels", "annotations"]) {
    if (!isOptional(metadata[name], isTexts)) return invalid(`metadata.${name} is no map of texts`);
  }
  if (!isRecord(spec)) return invalid("spec is no object");
  if (!isContainers(spec.containers)) return invalid("spec.containers is no list of containers with names and ports");
  if (!isOptional(spec.initContainers, isContainers)) return invalid("spec.initContainers is no list of containers with names and ports");
  if (!isOptional(spec.volumes, isNamed)) return invalid("spec.volumes is no list of volumes with names");
  return ok({ ...value, metadata: withoutNulls(metadata), spec: withoutNulls(spec) } as unknown as Pod);
}

/** `initContainers: null` is written by some programs, and means that there are none. */
function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function isOptional(value: unknown, is: (value: unknown) => boolean): boolean {
  return value === undefined || value === null || is(value);
}

function isTexts(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const entries = Object.values(value);
  return entries.length <= MAX_PAIRS && entries.every((entry) => typeof entry === "string");
}

function isNamed(value: unknown): value is readonly (Fields & { name: string })[] {
  return Array.isArray(value) && value.length <= MAX_CONTAINERS && value.every((one) => isRecord(one) && typeof one.name === "string");
}

function isContainers(value: unknown): boolean {
  return isNamed(value) && value.every(({ ports }) => isOptional(ports, arePorts));
}

function arePorts(value: unknown): boolean {
  return Array.isArray(value) && value.length <= MAX_PORTS && value.every(isContainerPort);
}

function isContainerPort(value: unknown): boolean {
  if (!isRecord(value) || !isPort(value.containerPort)) return false;
  return [value.name, value.protocol].every((text) => isOptional(text, (one) => typeof one === "string"));
}

export function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

function invalid(problem: string): Result<never> {
  return fail("InvalidPod", `the pod cannot be read: ${problem}`);
}
