import { fieldsOf, isRecord } from "../../base/json.ts";
import { type FilterState, filterState, type Running } from "../../hub/index.ts";
import { isDigest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** What is kept of an answer of another Weir: what pages show, and nothing else that was in it. */
export interface OtherAnswer {
  readonly filters: readonly FilterState[];
  readonly running: readonly Running[];
  /** Where the list goes on; absent: it ends. */
  readonly next?: string;
}

/** Characters of an image; a reference that can be pulled has fewer. */
const LONGEST_IMAGE = 1_000;
/** Characters of what says where a list goes on: more are in no request that a Weir takes. */
const LONGEST_CONTINUE = 2_000;
/** As many as a Weir answers with. */
const MOST_GROUPS = 5_000;

/** A page of `/api/v1/filters`: the first `most` of its items, of them those that are filters. */
export function readFilterPage(body: unknown, most: number): Result<OtherAnswer> {
  const { items, metadata } = fieldsOf(body);
  const { continue: next = "" } = fieldsOf(metadata);
  if (!Array.isArray(items) || !isText(next, LONGEST_CONTINUE))
    return fail("Answer", "its answer is no list of filters; is this the address of a Weir?");
  const filters = items.slice(0, most).flatMap((item) => (isFilter(item) ? [filterState(item)] : []));
  return ok({ filters: filters.filter(isBounded), running: [], ...(next === "" ? {} : { next }) });
}

/** Groups of `/api/v1/fleet`. Revision 0 is a placeholder, which is no digest. */
export function readGroups(body: unknown): Result<OtherAnswer> {
  const { groups } = fieldsOf(body);
  const known = Array.isArray(groups) ? groups.slice(0, MOST_GROUPS).filter(isRunning) : [];
  const running = known.map(({ namespace, filter, digest, proxies }) => ({ namespace, filter, digest, proxies }));
  return ok({ filters: [], running });
}

function isText(value: unknown, longest: number): value is string {
  return typeof value === "string" && value.length <= longest;
}

function isFilter(value: unknown): value is WasmFilter {
  if (!isRecord(value) || !isRecord(value.metadata)) return false;
  const { name, namespace } = value.metadata;
  const { history = [] } = fieldsOf(value.status);
  return isText(name, 253) && isText(namespace, 253) && Array.isArray(history) && history.every(isRecord);
}

function isBounded({ image, digest }: FilterState): boolean {
  return image === undefined ? digest === undefined : isText(image, LONGEST_IMAGE) && typeof digest === "string" && isDigest(digest);
}

function isRunning(group: unknown): group is Running {
  const { namespace, filter, digest, revision, proxies } = fieldsOf(group);
  const isNamed = isText(namespace, 253) && isText(filter, 600) && isText(digest, 100) && isDigest(digest);
  return isNamed && Number.isSafeInteger(proxies) && Number.isSafeInteger(revision) && Number(revision) > 0;
}
