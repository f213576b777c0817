import { messageOf } from "../../base/error.ts";
import { API_VERSION } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { beyondBounds, whyBeyond } from "./bounds.ts";
import { type Fields, isFields, withDefaults } from "./defaults.ts";
import { isObjectName } from "./names.ts";
import { describeProblems, type Problem } from "./problem.ts";
import { ruleProblems } from "./rules.ts";
import type { Schema } from "./schema.ts";
import { structuralProblems } from "./structural.ts";

/** How objects of one of Weir's kinds are checked. */
export interface KindCheck {
  readonly kind: string;
  readonly schema: () => Schema;
  /** What the API server checks outside the schema beside version, kind and name. */
  readonly outside?: (metadata: unknown) => Problem[];
  /** What neither schema nor rules can say of a spec: of one that passed both. */
  readonly sound: (spec: unknown) => Problem[];
  /** The same of any spec. */
  readonly any?: (spec: unknown) => Problem[];
}

interface Checked {
  /** With its defaults. */
  readonly object: unknown;
  readonly problems: Problem[];
}

/** Everything that is wrong with a raw object of this kind. The status is ignored. */
export function checkObject(raw: unknown, { kind, schema, outside, sound, any }: KindCheck): Checked {
  if (!isFields(raw))
    return { object: raw, problems: [{ path: "", message: `not an object; a ${kind} has apiVersion, kind, metadata and spec` }] };
  const { status: _, ...rest } = raw;
  const beyond = whyBeyond(raw) ?? beyondBounds(rest);
  if (beyond !== undefined) return { object: raw, problems: [{ path: "", message: `the object is ${beyond}` }] };
  const known = schema();
  const object = withDefaults(known, rest);
  const structural = structuralProblems(known, object);
  // As in the API server: rules are for objects of the right shape and size.
  const ruled = structural.length === 0 ? ruleProblems(known, object, true) : [];
  const others = structural.length + ruled.length === 0 ? sound(raw.spec) : [];
  const identity = [...identityProblems(raw, kind), ...(outside?.(raw.metadata) ?? [])];
  return { object, problems: [...identity, ...structural, ...ruled, ...others, ...(any?.(raw.spec) ?? [])] };
}

/** Turns a raw object, which may be wrong in any way, into what `to` makes of it. Fails with reason `InvalidSpec` and every problem. Never throws. */
export function parseObject<Raw, Parsed>(raw: unknown, check: KindCheck, to: (object: Raw) => Parsed): Result<Parsed> {
  try {
    const { object, problems } = checkObject(raw, check);
    return problems.length > 0 ? fail("InvalidSpec", describeProblems(problems)) : ok(to(object as Raw));
  } catch (error) {
    // A bug, which is this object's alone.
    return fail("InvalidSpec", `the object cannot be read: ${messageOf(error)}; change it, and report this`);
  }
}

function identityProblems({ apiVersion, kind, metadata }: Fields, wanted: string): Problem[] {
  const problems: Problem[] = [];
  if (apiVersion !== API_VERSION) problems.push({ path: "apiVersion", message: `must be ${API_VERSION}` });
  if (kind !== wanted) problems.push({ path: "kind", message: `must be ${wanted}` });
  const { name } = isFields(metadata) ? metadata : {};
  if (!isObjectName(name)) {
    problems.push({ path: "metadata.name", message: "must be a name of lower-case letters, digits, '-' and '.', at most 253 characters" });
  }
  return problems;
}
