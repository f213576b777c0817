import { type HubContext, JSON_TYPE } from "./answers.ts";
import type { Parameters } from "./api/parameter.ts";
import type { Schema } from "./schemas.ts";

/** One answer of a route, as the OpenAPI document describes it. */
export interface Answer {
  readonly description: string;
  readonly type: string;
  readonly schema: Schema;
}

/** An answer that is JSON. */
export function json(description: string, schema: Schema): Answer {
  return { description, type: JSON_TYPE, schema };
}

/** A path of the server. The table of these drives both the routing and the OpenAPI document. */
export interface Route {
  /** As OpenAPI writes it: `/api/v1/filters/{namespace}/{name}`. */
  readonly path: string;
  /** Names the route for generated clients. */
  readonly operation: string;
  readonly summary: string;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** It answers with a `document`, which a client may ask about again by its ETag. */
  readonly isDocument?: true;
  /** It asks by itself who calls; else readers alone are answered, where the server knows readers. */
  readonly asksCallers?: true;
  /** What its query may have. */
  readonly query?: Parameters;
  /** What the body of a POST is. */
  readonly body?: Schema;
  /** Answers GET and HEAD. `undefined`: the path's parameters are none that can exist. */
  get?(context: HubContext): Response | Promise<Response> | undefined;
  /** Answers POST: what is computed from a body. Nothing is changed by it. */
  post?(context: HubContext): Response | Promise<Response>;
}
