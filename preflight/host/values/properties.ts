import { encodePairs } from "./headers.ts";

/** An attribute: whole numbers as bigint, times in nanoseconds as bigint, the rest as it is. https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes */
export type Property = string | bigint | number | boolean | Uint8Array | readonly Property[] | { readonly [name: string]: Property };

/**
 * Walks a path of segments parted by NUL and gives the value in Envoy's wire form. `undefined`: something on the way is missing;
 * "opaque": the path ends at a group such as `request`, which Envoy cannot write out.
 */
export function readProperty(root: Readonly<Record<string, Property>>, path: string): Uint8Array | "opaque" | undefined {
  if (path === "") return "opaque";
  const segments = path.replace(/\0$/, "").split("\0");
  let value: Property | undefined = root;
  for (const segment of segments) {
    value = step(value, segment);
    if (value === undefined) return undefined;
  }
  return segments.length === 1 && isGroup(value) ? "opaque" : encodeProperty(value);
}

function isGroup(value: Property): boolean {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function step(value: Property, segment: string): Property | undefined {
  if (Array.isArray(value)) return value[Number(segment)];
  if (typeof value !== "object" || value instanceof Uint8Array) return undefined;
  return Object.hasOwn(value, segment) ? (value as Record<string, Property>)[segment] : undefined;
}

/** Text as it is, whole numbers and doubles in eight bytes, booleans in one, maps and lists as pairs. */
export function encodeProperty(value: Property): Uint8Array {
  if (typeof value === "string") return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  if (typeof value === "boolean") return Uint8Array.of(value ? 1 : 0);
  const long = Buffer.alloc(8);
  if (typeof value === "bigint") {
    long.writeBigUInt64LE(BigInt.asUintN(64, value));
    return long;
  }
  if (typeof value === "number") {
    long.writeDoubleLE(value);
    return long;
  }
  const text = (item: Property): string => Buffer.from(encodeProperty(item)).toString("utf8");
  const pairs = Array.isArray(value)
    ? value.map((item) => [text(item), ""] as const)
    : Object.entries(value).map(([k, v]) => [k, text(v)] as const);
  return encodePairs(pairs);
}
