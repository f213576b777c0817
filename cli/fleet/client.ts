import { type FilterKey, filterId } from "../../model/filter.ts";
import type { FilterPatch } from "../../model/filter-patch.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { WasmPolicy } from "../../model/gen/wasmpolicy.ts";
import type { Fields } from "../../model/kube.ts";
import { type Failure, fail, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";

/** A Kubernetes object as a manifest writes it. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** One object of a file, with the text it was written as: comments and order included. */
export interface ManifestText {
  readonly manifest: Manifest;
  readonly text: string;
  readonly format: "yaml" | "json";
  /** File, and where in it, for messages. */
  readonly where: string;
}

/** An object, by what it is and where. The namespace of what is in none is empty. */
export interface ObjectId extends FilterKey {
  readonly kind: string;
}

/** `namespace/name`, or the name alone of what is in no namespace. */
export function objectName({ namespace, name }: FilterKey): string {
  return namespace === "" ? name : filterId({ namespace, name });
}

/** Where nothing says so, it is in `default`. */
export function keyOf({ metadata: { namespace = "default", name } }: WasmFilter): FilterKey {
  return { namespace, name };
}

/** What was done with one manifest. */
export interface Applied extends ObjectId {
  readonly action: "created" | "configured" | "unchanged";
  /** What a person should know of it, in a line each. */
  readonly warnings?: readonly string[];
  /** The file in the folder, if the fleet is one. */
  readonly file?: string;
  /** A digest that an earlier rollback pinned. The manifest does not mention it, so it is still in force. */
  readonly pin?: string;
}

/** What applying one manifest would do to the object itself. */
export interface Preview extends ObjectId {
  readonly action: Applied["action"];
  /** The object as it would be. May hold a Secret's data. */
  readonly object: Fields;
  /** As in `Applied`. */
  readonly pin?: string;
  /** Why the API server would refuse it. */
  readonly refusal?: Failure;
}

export interface PatchOptions {
  /** Only asks whether it would be taken: an API server, with its admission and the rights of who asks. */
  readonly dryRun?: boolean;
  /** The filter as it was when the change was decided. Fails with `Conflict` where its spec is another one by now. */
  readonly seen?: WasmFilter;
}

/** Where the desired state is: a cluster, or a folder of manifests. Commands work on either through this. */
export interface FleetClient {
  /** For messages: `cluster https://...` or `folder ./filters`. */
  readonly description: string;
  /** The namespace of names without one. */
  readonly namespace: string;
  /** WasmFilters with what is known of their status, by namespace and name; `undefined` lists every namespace. */
  list(namespace: string | undefined): Promise<Result<readonly WasmFilter[]>>;
  /** Fails with `NotFound`. */
  get(key: FilterKey): Promise<Result<WasmFilter>>;
  /** WasmPolicies with what is known of their status, by name. Their specs may be wrong in any way. */
  policies(): Promise<Result<readonly WasmPolicy[]>>;
  /** Creates or changes one object. */
  apply(manifest: ManifestText): Promise<Result<Applied>>;
  /** What `apply` would do with one object. Changes nothing. */
  preview(manifest: ManifestText): Promise<Result<Preview>>;
  /** Sets these fields, whoever set them before. Fails with `NotFound`, and with `Conflict` as the options say. */
  patch(key: FilterKey, patch: FilterPatch, options?: PatchOptions): Promise<Result<void>>;
  /** Fails with `NotFound`. */
  remove(key: FilterKey): Promise<Result<void>>;
  /** Full records of a filter's revisions: the cluster's ControllerRevisions, or what the running server keeps for its folder. */
  revisions(filter: WasmFilter): Promise<Result<readonly Revision[]>>;
  /** False where statuses are the server's to tell, and it did not answer when they were read. */
  knowsStatus(): boolean;
  /** What a person should know about what was read (a server that does not answer, a file that is not YAML). */
  notes(): readonly string[];
}

/** Failure where somebody else was quicker. */
export function changedSince(key: FilterKey): Result<never> {
  return fail("Conflict", `WasmFilter ${filterId(key)} was changed by somebody else in the meantime; look at it and begin again`);
}

interface Named {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}

/** By namespace, then name, as every listing shows them. */
export function byName(a: Named, b: Named): number {
  const [left, right] = [`${a.metadata.namespace}/${a.metadata.name}`, `${b.metadata.namespace}/${b.metadata.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}
