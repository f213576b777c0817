import { partOf } from "../base/http-sockets.ts";
import { addressOf, failure, type HubContext } from "./answers.ts";
import type { Guard } from "./guard.ts";

export interface AdmissionLimits {
  /** Answers that are made or sent at a time. */
  readonly answers: number;
  /** Bytes of answers that were not sent yet; a larger one goes alone. */
  readonly unsentBytes: number;
  /** Milliseconds that a client has to take an answer. */
  readonly answerMs: number;
}

const EXEMPT = new Set(["/healthz", "/readyz"]);

/**
 * Bounds what is answered at a time, in all and for each address; the health of the process is always told. Answers are made one after the other, each in a
 * turn of the event loop of its own.
 */
export function createAdmission(limits: AdmissionLimits): Guard {
  const byAddress = new Map<string, number>();
  let answers = 0;
  let unsent = 0;
  let last: Promise<unknown> = Promise.resolve();

  const isFull = (address: string) => answers >= limits.answers || (byAddress.get(address) ?? 0) >= partOf(limits.answers);

  function count(address: string, change: number): void {
    answers += change;
    const own = (byAddress.get(address) ?? 0) + change;
    if (own === 0) byAddress.delete(address);
    else byAddress.set(address, own);
  }

  return async (context, next) => {
    const { outgoing } = context.env;
    if (EXEMPT.has(context.req.path)) return next();
    const address = addressOf(context);
    // Its client left before: nothing is heard of that any more, and its place would be taken for good.
    if (outgoing.destroyed || isFull(address)) return tooMany();
    let size = 0;
    let isCounted = true;
    const release = () => {
      if (isCounted) count(address, -1);
      isCounted = false;
    };
    count(address, 1);
    outgoing.once("close", () => {
      release();
      unsent -= size;
    });
    last = last.then(() => new Promise((resolve) => setImmediate(resolve)));
    await last;
    if (outgoing.destroyed) return tooMany();
    await next();
    if (context.res.headers.get("content-type") === "text/event-stream") {
      // It has bounds of its own, and no end.
      release();
      return;
    }
    const length = await lengthOf(context);
    // Its client left meanwhile: nothing more is heard of it.
    if (outgoing.destroyed) return;
    size = length;
    unsent += size;
    if (unsent > limits.unsentBytes && size < unsent) {
      unsent -= size;
      size = 0;
      context.res = tooMany();
    }
    const late = setTimeout(() => outgoing.destroy(), limits.answerMs);
    outgoing.once("close", () => clearTimeout(late));
  };
}

/** The bytes of the answer's body. One that does not say so is measured, and says so then. */
async function lengthOf(context: HubContext): Promise<number> {
  const { headers, status, body } = context.res;
  const said = headers.get("content-length");
  if (said !== null || body === null) return Number(said ?? 0);
  const bytes = await context.res.arrayBuffer();
  context.res.headers.set("content-length", String(bytes.byteLength));
  const measured = new Response(bytes, { status, headers: context.res.headers });
  // hono adds the headers of an answer that is replaced to those of the new one.
  context.res = undefined;
  context.res = measured;
  return bytes.byteLength;
}

function tooMany(): Response {
  return failure(503, "TooManyReaders", "too many answers are not read yet; try again later", { "retry-after": "1" });
}
