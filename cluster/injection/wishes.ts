import { fieldsOf, textsOf } from "../../base/json.ts";
import { clip, escapeText } from "../../base/text.ts";
import { PATH_POLICIES, type PathPolicy } from "../../model/path-policy.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { EXCLUDE_PORTS, INJECT, PATHS, PORTS, PROXY_CPU, PROXY_IMAGE, PROXY_LOG_LEVEL, PROXY_MEMORY, SLOTS } from "./names.ts";
import { isPort, type PodMetadata } from "./pod.ts";

/** What a namespace says: of its labels and annotations. */
export interface NamespaceView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Reads a Namespace object; `undefined` fields of it are empty. */
export function namespaceView(name: string, object: unknown): NamespaceView {
  const metadata = fieldsOf(fieldsOf(object).metadata);
  return { name, labels: textsOf(metadata.labels), annotations: textsOf(metadata.annotations) };
}

export interface Mapping {
  readonly app: number;
  readonly listen: number;
}

/** How a pod wants to be injected: its own annotations, and where it has none those of its namespace. */
export interface Wishes {
  /** Absent: capture, where the namespace lets it. `own`: the pod itself asks for it, not its namespace. */
  readonly ports: { readonly mappings: readonly Mapping[]; readonly own: boolean } | undefined;
  readonly exclude: readonly number[];
  /** In the order in which a request meets them. */
  readonly slots: readonly string[];
  readonly paths: PathPolicy;
  readonly image: string | undefined;
  /** Kubernetes quantities. */
  readonly cpu: string | undefined;
  readonly memory: string | undefined;
  readonly logLevel: string;
}

const MAX_LIST = 64;
const MAX_SLOTS = 16;
const SLOT = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const IMAGE = /^[a-zA-Z0-9][-a-zA-Z0-9._:/@+]{0,1023}$/;
const CPU = /^(?:([1-9]\d{0,5})m|([1-9]\d{0,2}))$/;
const MEMORY = /^([1-9]\d{0,5})(Mi|Gi)$/;
const MIN_MEMORY_MIB = 32;
const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "critical", "off"];

/** `true` and `false` of label and annotation; `undefined` without them. Fails with `InvalidAnnotation` for other values, and where both are there and differ. */
export function readInject({ labels, annotations }: PodMetadata): Result<boolean | undefined> {
  const values = [labels?.[INJECT], annotations?.[INJECT]].filter((value) => value !== undefined);
  const wrong = values.find((value) => value !== "true" && value !== "false");
  if (wrong !== undefined) return invalid(INJECT, wrong, 'takes "true" or "false"');
  const [first, second = first] = values;
  if (first !== second) return fail("InvalidAnnotation", `${INJECT} is ${first} as label of the pod and ${second} as annotation; keep one`);
  return ok(first === undefined ? undefined : first === "true");
}

/** Fails with `InvalidAnnotation`, naming the annotation and what it takes. */
export function readWishes(pod: PodMetadata, namespace: NamespaceView): Result<Wishes> {
  const own = pod.annotations ?? {};
  const all = { ...namespace.annotations, ...own };
  const ports = readMappings(all[PORTS]);
  if (!ports.ok) return ports;
  const exclude = readList(EXCLUDE_PORTS, all[EXCLUDE_PORTS], "takes ports with commas between them, for example 9090,5432", toPort);
  if (!exclude.ok) return exclude;
  const slots = readSlots(all[SLOTS]);
  if (!slots.ok) return slots;
  const paths = PATH_POLICIES.find((policy) => policy === (all[PATHS] ?? "normal"));
  if (paths === undefined) return invalid(PATHS, all[PATHS] ?? "", `takes one of ${PATH_POLICIES.join(", ")}`);
  const cpu = all[PROXY_CPU];
  if (cpu !== undefined && !CPU.test(cpu)) return invalid(PROXY_CPU, cpu, "takes a number of processors, for example 100m or 1");
  const memory = all[PROXY_MEMORY];
  if (memory !== undefined && !isMemory(memory))
    return invalid(PROXY_MEMORY, memory, `takes a size of at least ${MIN_MEMORY_MIB}Mi, for example 128Mi or 1Gi`);
  const image = all[PROXY_IMAGE];
  if (image !== undefined && !IMAGE.test(image)) return invalid(PROXY_IMAGE, image, "takes the reference of an image");
  const logLevel = all[PROXY_LOG_LEVEL] ?? "warning";
  if (!LOG_LEVELS.includes(logLevel)) return invalid(PROXY_LOG_LEVEL, logLevel, `takes one of ${LOG_LEVELS.join(", ")}`);
  const asked = ports.value === undefined ? undefined : { mappings: ports.value, own: own[PORTS] !== undefined };
  return ok({ ports: asked, exclude: exclude.value ?? [], slots: slots.value, paths, image, cpu, memory, logLevel });
}

function readMappings(text: string | undefined): Result<readonly Mapping[] | undefined> {
  const takes = "takes pairs of the app's port and the one where Envoy listens, for example 8080=15080";
  const mappings = readList(PORTS, text, takes, (item) => {
    const [app, listen, more] = item.split("=").map((part) => toPort(part.trim()));
    return app === undefined || listen === undefined || more !== undefined || item.split("=").length !== 2 ? undefined : { app, listen };
  });
  if (!mappings.ok || mappings.value === undefined) return mappings;
  const numbers = mappings.value.flatMap(({ app, listen }) => [app, listen]);
  if (new Set(numbers).size !== numbers.length) return invalid(PORTS, text ?? "", `names a port twice; it ${takes}`);
  return mappings;
}

function readSlots(text: string | undefined): Result<readonly string[]> {
  const takes = `takes up to ${MAX_SLOTS} different names of lower-case letters, digits and '-', with commas between them`;
  const slots = readList(SLOTS, text, takes, (item) => (SLOT.test(item) ? item : undefined));
  if (!slots.ok) return slots;
  const names = slots.value ?? ["default"];
  return names.length > MAX_SLOTS || new Set(names).size !== names.length ? invalid(SLOTS, text ?? "", takes) : ok(names);
}

/** Items with commas between them; at least one. */
function readList<T>(
  name: string,
  text: string | undefined,
  takes: string,
  read: (item: string) => T | undefined,
): Result<T[] | undefined> {
  if (text === undefined) return ok(undefined);
  const items = text.split(",", MAX_LIST + 1).map((item) => read(item.trim()));
  const all = items.filter((item) => item !== undefined);
  return all.length === items.length && all.length <= MAX_LIST ? ok(all) : invalid(name, text, takes);
}

function toPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : undefined;
  return isPort(port) ? port : undefined;
}

function isMemory(text: string): boolean {
  const [, amount, unit] = MEMORY.exec(text) ?? [];
  return amount !== undefined && Number(amount) * (unit === "Gi" ? 1024 : 1) >= MIN_MEMORY_MIB;
}

/** What is shown of a value that somebody wrote. */
const SHOWN = 60;

function invalid(name: string, value: string, takes: string): Result<never> {
  return fail("InvalidAnnotation", `annotation ${name} ${takes}, not "${clip(escapeText(value), SHOWN)}"`);
}
