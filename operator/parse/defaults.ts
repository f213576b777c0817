import { isRecord } from "../../base/json.ts";
import type { Fields } from "../../model/kube.ts";
import type { Schema } from "./schema.ts";

export type { Fields };

export function isFields(value: unknown): value is Fields {
  return isRecord(value);
}

/**
 * A copy of `value` as the API server would store it: nulls of optional fields dropped and defaults of the schema filled in.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
 */
export function withDefaults(schema: Schema, value: unknown): unknown {
  return stored(schema, value, true);
}

/** The same without the defaults. */
export function withoutNulls(schema: Schema, value: unknown): unknown {
  return stored(schema, value, false);
}

function stored(schema: Schema, value: unknown, fillsIn: boolean): unknown {
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return value;
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item) => stored(items, item, fillsIn));
  }
  // Too large for any field that has a type: it need not be exact.
  if (typeof value === "bigint") return Number(value);
  if (!isFields(value) || schema.properties === undefined) return value;
  const { properties } = schema;
  const fields: [string, unknown][] = [];
  for (const [key, field] of Object.entries(value)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property === undefined) fields.push([key, field]);
    else if (field !== null) fields.push([key, stored(property, field, fillsIn)]);
  }
  for (const [key, property] of fillsIn ? Object.entries(properties) : []) {
    if (property.default !== undefined && (value[key] ?? undefined) === undefined)
      fields.push([key, stored(property, property.default, fillsIn)]);
  }
  // Not by assignment: a key such as __proto__ must stay a field, so that it is refused as unknown.
  return Object.fromEntries(fields);
}
