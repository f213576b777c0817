import { fieldsOf, isRecord } from "../../base/json.ts";
import type { Fields } from "../../model/kube.ts";
import { ok, type Result } from "../../model/result.ts";
import { type Injection, type InjectionSettings, inject } from "./inject.ts";
import { readPod } from "./pod.ts";
import type { NamespaceView } from "./wishes.ts";

/** Kinds that make pods, and where in them the template is. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Deployment: ["spec", "template"],
  StatefulSet: ["spec", "template"],
  DaemonSet: ["spec", "template"],
  ReplicaSet: ["spec", "template"],
  ReplicationController: ["spec", "template"],
  Job: ["spec", "template"],
  CronJob: ["spec", "jobTemplate", "spec", "template"],
  Pod: [],
};

/** One pod, or pods' template, that was looked at. */
export interface Looked extends Omit<Injection, "pod"> {
  /** `Deployment shop/web` */
  readonly what: string;
}

export interface InjectedObject {
  /** The object with Envoy in its pods; the same one where nothing changed. */
  readonly object: unknown;
  readonly looked: readonly Looked[];
}

/** A List may hold Lists, but not without end. */
const MAX_DEPTH = 10;

/**
 * Injects the pods of an object of any kind: a pod, what has a template for them, or a List of such. Others come back as they are. `namespaceOf`: what is known of the
 * namespace that an object names, if it names one. Fails as `inject` does, with the object named.
 */
export function injectObject(
  object: unknown,
  namespaceOf: (name: string | undefined) => NamespaceView,
  settings: InjectionSettings,
  depth = 0,
): Result<InjectedObject> {
  if (!isRecord(object) || typeof object.kind !== "string") return ok({ object, looked: [] });
  if (object.kind === "List" && Array.isArray(object.items) && depth < MAX_DEPTH) {
    const looked: Looked[] = [];
    const items: unknown[] = [];
    for (const item of object.items) {
      const done = injectObject(item, namespaceOf, settings, depth + 1);
      if (!done.ok) return done;
      items.push(done.value.object);
      looked.push(...done.value.looked);
    }
    const isSame = items.every((item, index) => item === (object.items as unknown[])[index]);
    return ok({ object: isSame ? object : { ...object, items }, looked });
  }
  const path = Object.hasOwn(TEMPLATES, object.kind) ? TEMPLATES[object.kind] : undefined;
  const template = path === undefined ? undefined : at(object, path);
  if (path === undefined || template === undefined) return ok({ object, looked: [] });
  const { namespace, name } = fieldsOf(object.metadata);
  const view = namespaceOf(typeof namespace === "string" ? namespace : undefined);
  const what = `${object.kind} ${view.name}/${typeof name === "string" ? name : "?"}`;
  const pod = readPod(template);
  const done = pod.ok ? inject(pod.value, view, settings) : pod;
  if (!done.ok) return { ok: false, error: { ...done.error, message: `${what}: ${done.error.message}` } };
  const { pod: injected, ...rest } = done.value;
  return ok({ object: rest.unchanged === undefined ? replaced(object, path, injected) : object, looked: [{ what, ...rest }] });
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (isRecord(inner) ? inner[name] : undefined), value);
}

function replaced(object: Fields, [name, ...path]: readonly string[], value: Fields): Fields {
  if (name === undefined) return value;
  return { ...object, [name]: replaced(object[name] as Fields, path, value) };
}
