import { type CelInput, type CelResult, CelScalar, celEnv, celMethod, isCelError, listType, parse, plan } from "@bufbuild/cel";
import { isFields } from "./defaults.ts";
import { joinPath, type Problem } from "./problem.ts";
import type { Rule, Schema } from "./schema.ts";

/** From the Kubernetes list library. https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library */
const isSorted = celMethod("isSorted", listType(CelScalar.DYN), [], CelScalar.BOOL, function () {
  const values = [...this];
  return values.every((value, index) => {
    const before = values[index - 1];
    return index === 0 || (typeof value === "bigint" && typeof before === "bigint" && before <= value);
  });
});

const patterns = new Map<string, RegExp>();

/**
 * The patterns of the CRD mean the same in RE2 and in JavaScript, and none of them backtracks far. Compiled once, they are many times
 * faster than the evaluator's own engine, which compiles at each use.
 */
const re2 = {
  compile(pattern: string): RegExp {
    const known = patterns.get(pattern) ?? new RegExp(pattern, "u");
    patterns.set(pattern, known);
    return known;
  },
};

const env = celEnv({ funcs: [isSorted], re2 });

type Expression = (bindings: { self: CelInput }) => CelResult;

const compiled = new Map<string, Expression>();

function compile(expression: string): Expression {
  let known = compiled.get(expression);
  if (known === undefined) {
    known = plan(env, parse(expression)) as Expression;
    compiled.set(expression, known);
  }
  return known;
}

/**
 * Violations of the CEL rules of the schema. A rule that cannot be evaluated (a value of a wrong type, a missing field) is skipped: the
 * structural check has reported the cause. If that check found nothing (`sound`), the failed evaluation is reported.
 */
export function ruleProblems(schema: Schema, value: unknown, sound: boolean): Problem[] {
  const problems: Problem[] = [];
  collect(schema, value, "", sound, problems);
  return problems;
}

function collect(schema: Schema, value: unknown, path: string, sound: boolean, problems: Problem[]): void {
  if (value === undefined || value === null) return;
  const rules = schema["x-kubernetes-validations"];
  if (rules !== undefined) {
    const self = toCel(schema, value);
    for (const rule of rules) {
      const message = broken(rule, self, sound);
      if (message !== undefined) problems.push({ path: rule.fieldPath === undefined ? path : joinPath(path, rule.fieldPath), message });
    }
  }
  if (isFields(value)) {
    for (const [key, property] of Object.entries(schema.properties ?? {}))
      collect(property, value[key], joinPath(path, key), sound, problems);
  } else if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) value.forEach((item, index) => void collect(items, item, joinPath(path, index), sound, problems));
  }
}

/** The message of a rule that does not hold. */
function broken(rule: Rule, self: CelInput, sound: boolean): string | undefined {
  const verdict = compile(rule.rule)({ self });
  if (verdict === true) return undefined;
  if (isCelError(verdict)) return sound ? `the rule ${rule.rule} could not be evaluated: ${verdict.message}` : undefined;
  const text = rule.messageExpression === undefined ? undefined : compile(rule.messageExpression)({ self });
  return typeof text === "string" ? text : (rule.message ?? `failed rule: ${rule.rule}`);
}

/** A JSON value as CEL sees it in a cluster: integers as int, declared fields only. */
function toCel(schema: Schema, value: unknown): CelInput {
  if (Array.isArray(value)) return value.map((item) => toCel(schema.items ?? {}, item));
  if (isFields(value)) {
    const fields = new Map<string, CelInput>();
    for (const [key, field] of Object.entries(value)) {
      const property = Object.hasOwn(schema.properties ?? {}, key) ? schema.properties?.[key] : schema.additionalProperties;
      if (property?.type !== undefined && field !== null) fields.set(key, toCel(property, field));
    }
    return fields;
  }
  if (schema.type === "integer" && Number.isInteger(value)) return BigInt(value as number);
  return value as string | number | boolean | null;
}
