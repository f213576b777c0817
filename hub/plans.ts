import { createFairTurns } from "../base/fair-turns.ts";
import { isRecord } from "../base/json.ts";
import { hasMoreValues, isNestedDeeper } from "../base/json-depth.ts";
import { parseExactJson } from "../model/exact-json.ts";
import type { Applicants, Planner } from "../model/plan.ts";
import { fail, failForNow, ok, type Result } from "../model/result.ts";
import { addressOf, failure, type HubContext, JSON_TYPE, text } from "./answers.ts";
import { readBody } from "./body.ts";
import { refused } from "./refusals.ts";

/** What answers plans: who may ask, and what computes them. */
export interface Plans {
  readonly planner: Planner;
  readonly applicants: Applicants;
}

export const PLAN_LIMITS = {
  /** Bytes of a request: a few of the largest objects that an API server takes. */
  bodyBytes: 4 * 1024 * 1024,
  /** Requests under way, in all and of one applicant. */
  atOnce: 16,
  ofApplicant: 4,
  /** Milliseconds that a socket may stay silent while a plan is computed. */
  silentMs: 150_000,
};

/** https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1 */
const JSON_BODY = /^application\/json[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?$/i;

/** Levels of a body: some more than the deepest object that is taken has. */
const DEEPEST = 128;
/** One request of them takes some 0.1 s of the event loop. */
const MOST_VALUES = 50_000;

const BUSY = failForNow("Busy", "too many plans are being computed; try again later");

/**
 * Answers POST of a Kubernetes List with a plan. Who calls is asked before a byte of the body is read; a body is bounded in size and count, and its time is that of
 * any request.
 */
export function createPlanHandler({ planner, applicants }: Plans, limits = PLAN_LIMITS): (context: HubContext) => Promise<Response> {
  /** By applicant. Nobody waits: who comes when all places are taken is told so. */
  const turns = createFairTurns({ places: limits.atOnce, placesPerKey: limits.ofApplicant, waiting: 0, waitingPerKey: 0 });

  return async (context) => {
    const { req, env } = context;
    if (!JSON_BODY.test(req.header("content-type") ?? ""))
      return failure(415, "UnsupportedMediaType", "a plan is asked for with a Kubernetes List as application/json, in UTF-8");
    if (!/^(identity)?$/i.test(req.header("content-encoding")?.trim() ?? ""))
      return failure(415, "UnsupportedMediaType", "the body is sent as it is, without a content-encoding", {
        "accept-encoding": "identity",
      });
    const { socket } = env.incoming;
    const found = await applicants.find(req.header("authorization"), addressOf(context));
    if (!found.ok) return refused(found.error);
    const applicant = found.value;
    const answer = await turns.run(applicant.id, async () => {
      const gone = new AbortController();
      env.outgoing.once("close", () => gone.abort());
      socket.setTimeout(limits.silentMs);
      const items = await readItems(req.raw, limits.bodyBytes);
      if (!items.ok) return refused(items.error);
      const plan = await planner.plan({ objects: items.value, applicant, signal: gone.signal });
      return plan.ok ? text(`${JSON.stringify(plan.value)}\n`, 200, JSON_TYPE) : refused(plan.error);
    });
    return answer ?? refused(BUSY.error);
  };
}

async function readItems(request: Request, maxBytes: number): Promise<Result<readonly unknown[]>> {
  const tooLarge = `a request for a plan has at most ${maxBytes} bytes; plan fewer objects at a time`;
  const read = await readBody(request, { maxBytes, tooLarge, name: "body" });
  if (!read.ok) return read;
  const sent = read.value;
  if (isNestedDeeper(sent, DEEPEST)) return fail("BadRequest", `the body is nested deeper than ${DEEPEST} levels`);
  if (hasMoreValues(sent, MOST_VALUES))
    return fail("BadRequest", `the body has more than ${MOST_VALUES} values; plan fewer objects at a time`);
  const list = parse(sent);
  if (!isRecord(list) || list.kind !== "List" || !Array.isArray(list.items)) return fail("BadRequest", "the body is no Kubernetes List");
  return ok(list.items);
}

function parse(body: string): unknown {
  try {
    return parseExactJson(body);
  } catch {
    return undefined;
  }
}
