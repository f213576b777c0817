import { INJECT, type InjectionSettings, injectObject, type Looked, type NamespaceView, namespaceView } from "../../cluster/index.ts";
import { ok, type Result } from "../../model/result.ts";
import { cutYaml, hasMarker, printYaml, readDocuments } from "../../operator/index.ts";

export interface InjectedText {
  /** Documents without pods have every byte of before. */
  readonly text: string;
  readonly looked: readonly Looked[];
}

/** Injects every pod and every template of pods in a text of YAML documents (JSON is YAML). `namespace`: of objects that name none. */
export function injectText(text: string, namespace: string, settings: InjectionSettings): Result<InjectedText> {
  const read = readDocuments(text);
  if (!read.ok) return read;
  const namespaces = namespacesIn(read.value.map(({ value }) => value));
  const looked: Looked[] = [];
  const { documents } = cutYaml(text);
  const texts: string[] = [];
  for (const [index, { value }] of read.value.entries()) {
    const done = injectObject(value, (name = namespace) => asking(namespaceView(name, namespaces.get(name))), settings);
    if (!done.ok) return done;
    looked.push(...done.value.looked);
    const before = documents[index] ?? "";
    texts.push(done.value.object === value ? before : replaced(before, done.value.object));
  }
  return ok({ text: texts.join(""), looked });
}

/** Namespaces that stand beside their pods. */
function namespacesIn(values: readonly unknown[]): ReadonlyMap<string, unknown> {
  const all = values as readonly ({ kind?: unknown; metadata?: { name?: unknown } | null } | null | undefined)[];
  return new Map(all.flatMap((one) => (one?.kind === "Namespace" ? [[String(one.metadata?.name), one] as const] : [])));
}

/** Who runs this command asks for all that it is given, unless a pod says no. */
function asking(view: NamespaceView): NamespaceView {
  return { ...view, labels: { ...view.labels, [INJECT]: "true" } };
}

function replaced(before: string, object: unknown): string {
  const text = printYaml(object);
  return hasMarker(before) ? `---\n${text}` : text;
}
