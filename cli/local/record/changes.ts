import type { Body, Exchange, Field, Part } from "./exchange.ts";

/** What a filter changed on one way. */
export type Change =
  | { readonly kind: "added" | "removed"; readonly part: "header" | "trailer"; readonly name: string; readonly value: string }
  | { readonly kind: "changed"; readonly part: "header" | "trailer"; readonly name: string; readonly from: string; readonly to: string }
  | { readonly kind: "body"; readonly from: Body; readonly to: Body };

export interface FilterChanges {
  readonly request: readonly Change[];
  readonly response: readonly Change[];
  /**
   * `passed`: the request went on; `ended`: it did not go on from this filter, which answered itself, or failed, or waits; `unreached`: it never came here.
   */
  readonly outcome: "passed" | "ended" | "unreached";
}

/** What each of the filters between the recorders changed, in their order. */
export function changesOf({ passed }: Exchange): readonly FilterChanges[] {
  return passed.slice(1).map((after, filter) => {
    const before = passed[filter];
    return {
      request: compare(before?.request, after?.request),
      // An answer comes the other way round.
      response: compare(after?.response, before?.response),
      outcome: before?.request === undefined ? "unreached" : after?.request === undefined ? "ended" : "passed",
    };
  });
}

function compare(before: Part | undefined, after: Part | undefined): Change[] {
  if (before === undefined || after === undefined) return [];
  const changes = [...compareFields("header", before.fields, after.fields), ...compareFields("trailer", before.trailers, after.trailers)];
  const { body: from } = before;
  const { body: to } = after;
  const isChanged = from !== undefined && to !== undefined && (from.size !== to.size || from.sum !== to.sum);
  return isChanged ? [...changes, { kind: "body", from, to }] : changes;
}

/** By name, in the order of names; of a name with several values those that both have are left out. */
function compareFields(part: "header" | "trailer", before: readonly Field[], after: readonly Field[]): Change[] {
  const names = new Set([...before, ...after].map(([name]) => name));
  return [...names].sort().flatMap((name): Change[] => {
    const { left, right } = withoutCommon(valuesOf(before, name), valuesOf(after, name));
    const [from, to] = [left[0], right[0]];
    if (left.length === 1 && right.length === 1 && from !== undefined && to !== undefined)
      return [{ kind: "changed", part, name, from, to }];
    return [
      ...left.map((value) => ({ kind: "removed", part, name, value }) as const),
      ...right.map((value) => ({ kind: "added", part, name, value }) as const),
    ];
  });
}

function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value);
}

function withoutCommon(before: readonly string[], after: readonly string[]) {
  const right = [...after];
  const left = before.filter((value) => {
    const at = right.indexOf(value);
    if (at >= 0) right.splice(at, 1);
    return at < 0;
  });
  return { left, right };
}
