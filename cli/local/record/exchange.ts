import { recorderName } from "./recorder.ts";

/** A request and its answer, as Envoy's access log has them. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  /** Why the answer is what it is, in Envoy's words: `via_upstream`. */
  readonly details: string;
  /** What recorder N saw: number 0 before the first filter. `undefined`: nothing passed there. */
  readonly passed: readonly (Passed | undefined)[];
}

/** What passed at one place. A part that is absent did not pass there, or not wholly. */
export interface Passed {
  readonly request?: Part;
  readonly response?: Part;
}

export interface Part {
  readonly fields: readonly Field[];
  readonly body: Body | undefined;
  readonly trailers: readonly Field[];
}

export type Field = readonly [name: string, value: string];

export interface Body {
  readonly size: number;
  readonly sum: number;
  /** The beginning, as text. */
  readonly start: string;
}

/** The format of the access log that `readExchange` reads: one JSON document a line. https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage */
export function accessLog(recorders: number): object {
  const passed = Object.fromEntries(Array.from({ length: recorders }, (_, n) => [`passed${n}`, `%DYNAMIC_METADATA(${recorderName(n)})%`]));
  return {
    name: "weir",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
      log_format: {
        json_format: {
          method: "%REQ(:METHOD)%",
          path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
          status: "%RESPONSE_CODE%",
          ms: "%DURATION%",
          details: "%RESPONSE_CODE_DETAILS%",
          ...passed,
        },
      },
    },
  };
}

/** A line of that log; `undefined`: it is none. */
export function readExchange(line: string, recorders: number): Exchange | undefined {
  let read: Readonly<Record<string, unknown>> | null;
  try {
    read = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof read?.status !== "number") return undefined;
  const passed = Array.from({ length: recorders }, (_, n) => readPassed(read[`passed${n}`]));
  const request = passed[0]?.request?.fields;
  return {
    method: first(request, ":method") ?? text(read.method),
    path: first(request, ":path") ?? text(read.path),
    status: read.status,
    ms: Number(read.ms),
    details: text(read.details),
    passed,
  };
}

type Metadata = Readonly<Record<string, unknown>>;

function readPassed(value: unknown): Passed | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const metadata = value as Metadata;
  const [request, response] = [readPart(metadata, "request"), readPart(metadata, "response")];
  return { ...(request && { request }), ...(response && { response }) };
}

function readPart(metadata: Metadata, side: "request" | "response"): Part | undefined {
  const fields = metadata[side];
  if (fields === undefined) return undefined;
  return {
    fields: readFields(fields),
    body: readBody(metadata[`${side}Body`]),
    trailers: readFields(metadata[`${side}Trailers`]),
  };
}

function readBody(value: unknown): Body | undefined {
  const { size, sum, start } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof size === "number" && typeof sum === "number" && typeof start === "string" ? { size, sum, start } : undefined;
}

/** Lua has one kind of table, so an empty list comes as an empty object. */
function readFields(value: unknown): Field[] {
  return Array.isArray(value) ? value.map((line) => splitField(String(line))) : [];
}

function splitField(line: string): Field {
  const at = line.indexOf(": ");
  return [line.slice(0, at), line.slice(at + 2)];
}

function first(fields: readonly Field[] | undefined, name: string): string | undefined {
  return fields?.find(([each]) => each === name)?.[1];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "-";
}
