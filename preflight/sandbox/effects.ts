import { bodyOf, type Exchange, type ExchangeResult, type Fault, headerChanges, type Message, type Pairs } from "../host/index.ts";

/** What the plugin did to an exchange, one line each. Empty: it changed nothing. */
export function effectsOf(exchange: Exchange, result: ExchangeResult): string[] {
  const lines: string[] = [];
  if (result.request !== undefined) lines.push(...changes("request", exchange.request, result.request));
  if (result.localReply !== undefined) lines.push(describeReply(result.localReply));
  else if (result.response !== undefined) lines.push(...changes("response", exchange.response, result.response));
  if (result.held !== undefined)
    lines.push(`holds the ${result.held.direction} at its ${result.held.in}; nothing in the sandbox let it go on`);
  if (result.reset) lines.push("resets the stream");
  if (result.broken !== undefined) lines.push(`breaks it: ${result.broken.message}`);
  return lines;
}

function describeReply({ status, details, body }: NonNullable<ExchangeResult["localReply"]>): string {
  const why = details === "" ? "" : ` (${details})`;
  const text = body.length === 0 ? "" : `: ${Buffer.from(body).toString("utf8").slice(0, 60).trim()}`;
  return `answers ${status} by itself${why}${text}`;
}

function changes(what: string, before: Message, after: Message): string[] {
  const [old, now] = [bodyOf(before), bodyOf(after)];
  const body = old.equals(now) ? [] : [`${what} body: ${old.length} bytes become ${now.length}`];
  return [
    ...pairChanges(`${what} header`, before.headers, after.headers),
    ...body,
    ...pairChanges(`${what} trailer`, before.trailers, after.trailers),
  ];
}

function pairChanges(what: string, before: Pairs, after: Pairs): string[] {
  return headerChanges(before, after).map(({ name, was, is }) => {
    if (is === undefined) return `${what} removed: ${name}`;
    return was === undefined ? `${what} added: ${name}: ${is}` : `${what} ${name}: ${was} becomes ${is}`;
  });
}

/** The status that the client gets; `undefined`: none. A failed VM answers 503 as long as no response is on its way. */
export function answerOf(result: ExchangeResult, fault: Fault | undefined): number | undefined {
  if (result.broken !== undefined) return result.broken.status;
  const status = result.response?.headers.find(([name]) => name === ":status")?.[1];
  if (status !== undefined) return Number(status);
  return fault?.kind === "trap" && !result.begun ? 503 : undefined;
}
