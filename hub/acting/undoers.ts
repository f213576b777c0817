import { fieldsOf, isRecord } from "../../base/json.ts";
import { clip, oneLine } from "../../base/text.ts";
import { type FilterPatch, patchedFields } from "../../model/filter-patch.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Undoer } from "../pages/act.ts";

/** Managers of fields, by the programs that apply manifests. */
const CONTROLLERS: Readonly<Record<string, string>> = {
  "argocd-controller": "Argo CD",
  "argocd-application-controller": "Argo CD",
  "kustomize-controller": "Flux",
  "helm-controller": "Flux (Helm)",
  helm: "Helm",
};

/** What may undo a change: by labels and annotations that Argo CD, Flux and Helm put on what they apply, and by who owns the fields. */
export function undoersOf({ metadata }: WasmFilter, patch: FilterPatch): readonly Undoer[] {
  const owners = ownersOf(metadata, patch);
  const found = new Map<string, readonly string[]>();
  for (const [name, who] of namedBy(metadata.labels ?? {}, metadata.annotations ?? {}))
    found.set(
      who,
      Object.entries(CONTROLLERS).flatMap(([manager, program]) => (program === name ? (owners.get(manager) ?? []) : [])),
    );
  const known = [...found.keys()];
  for (const [manager, program] of Object.entries(CONTROLLERS)) {
    const owned = owners.get(manager);
    if (owned !== undefined && !known.some((who) => who.startsWith(program))) found.set(program, owned);
  }
  return [...found].map(([who, owns]) => ({ who, owns: [...new Set(owns)] }));
}

type Texts = Readonly<Record<string, string>>;

/** Program, and what of it. https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/ https://fluxcd.io/flux/components/kustomize/kustomizations/ */
function namedBy(labels: Texts, annotations: Texts): readonly (readonly [string, string])[] {
  const shown = (text: string) => clip(oneLine(text), 100);
  const argo = annotations["argocd.argoproj.io/tracking-id"]?.split(":", 1)[0] ?? labels["argocd.argoproj.io/instance"];
  const place = (kind: "kustomize" | "helm") => {
    const name = labels[`${kind}.toolkit.fluxcd.io/name`];
    return name && `${labels[`${kind}.toolkit.fluxcd.io/namespace`] ?? "flux-system"}/${name}`;
  };
  const [kustomization, helmRelease] = [place("kustomize"), place("helm")];
  const release = annotations["meta.helm.sh/release-name"];
  return [
    ...(argo ? [["Argo CD", `Argo CD application ${shown(argo)}`] as const] : []),
    ...(kustomization ? [["Flux", `Flux Kustomization ${shown(kustomization)}`] as const] : []),
    ...(helmRelease ? [["Flux (Helm)", `Flux HelmRelease ${shown(helmRelease)}`] as const] : []),
    ...(release && !helmRelease ? [["Helm", `Helm release ${shown(release)}`] as const] : []),
  ];
}

/** By manager, which fields of the patch are theirs. https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management */
function ownersOf(metadata: object, patch: FilterPatch): ReadonlyMap<string, readonly string[]> {
  const { managedFields } = metadata as { readonly managedFields?: unknown };
  const owners = new Map<string, readonly string[]>();
  for (const entry of Array.isArray(managedFields) ? managedFields : []) {
    const { manager, fieldsV1 } = fieldsOf(entry);
    if (typeof manager !== "string") continue;
    const owned = patchedFields(patch).filter(({ path }) => isOwned(fieldsV1, path));
    if (owned.length > 0) owners.set(manager, [...(owners.get(manager) ?? []), ...owned.map(({ path }) => path.join("."))]);
  }
  return owners;
}

function isOwned(fields: unknown, path: readonly string[]): boolean {
  let at = fields;
  for (const name of path) {
    if (!isRecord(at)) return false;
    at = at[`f:${name}`];
  }
  return isRecord(at);
}
