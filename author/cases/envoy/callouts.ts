import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { type GrpcReply, type HttpReply, localReply, type Message, message, type Pairs } from "../../../preflight/index.ts";
import { type CalloutFailure, type CalloutRule, isRefusal } from "../callout.ts";
import type { ObservedCall } from "../observed.ts";
import { createRuleBook, missingAnswer, type RuleBook } from "../sandbox/replies.ts";
import { respond, type Service, startService } from "./service.ts";

/** A port where nobody listens. */
const CLOSED_PORT = 1;
const UNIMPLEMENTED = "12";
/** Milliseconds between the headers of an answer and its end. */
const RESET_MS = 20;

/** The services that the filters of all cases call, one for each cluster. */
export class CalloutServices {
  private readonly services = new Map<string, Service>();
  private book: RuleBook = createRuleBook([]);
  private made: ObservedCall[] = [];
  private open = 0;

  /** From here on calls are answered by these rules. Gives the port of each cluster. */
  async use(rules: readonly CalloutRule[]): Promise<ReadonlyMap<string, number>> {
    this.book = createRuleBook(rules);
    this.made = [];
    const ports = new Map<string, number>();
    for (const cluster of new Set(rules.map((rule) => rule.cluster))) {
      const isClosed = rules.filter((rule) => rule.cluster === cluster).every(isRefusal);
      ports.set(cluster, isClosed ? CLOSED_PORT : (await this.serviceOf(cluster)).port);
    }
    return ports;
  }

  /** Calls since the last time, in order. */
  take(): ObservedCall[] {
    const taken = this.made;
    this.made = [];
    return taken;
  }

  /** Calls whose answer is not out yet, but for those that get none. */
  pending(): number {
    return this.open;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.services.values()].map((service) => service.stop()));
  }

  private async serviceOf(cluster: string): Promise<Service> {
    const known = this.services.get(cluster);
    if (known !== undefined) return known;
    const service = await startService(
      (request, stream) => this.serve(cluster, request, stream),
      (headers) => !isStreaming(headers),
    );
    this.services.set(cluster, service);
    return service;
  }

  private async serve(cluster: string, request: Message, stream: ServerHttp2Stream): Promise<void> {
    const call = callOf(cluster, request);
    this.made.push(call);
    const rule = this.book.find(call.grpc === undefined ? "http" : "grpc", call);
    this.open += 1;
    try {
      if (rule?.answer.kind === "failure") await fail(rule.answer.failure, stream);
      else if (call.grpc === undefined) await this.http(rule, call, stream);
      else await this.grpc(rule, call, stream);
    } finally {
      this.open -= 1;
    }
  }

  private async http(rule: CalloutRule | undefined, call: ObservedCall, stream: ServerHttp2Stream): Promise<void> {
    const reply: HttpReply = rule?.answer.kind === "http" ? rule.answer.reply : localReply(404, missingAnswer(call));
    await later(reply.delayMs);
    await respond(stream, message(reply.headers, reply.body.length === 0 ? [] : [reply.body], reply.trailers));
  }

  private async grpc(rule: CalloutRule | undefined, call: ObservedCall, stream: ServerHttp2Stream): Promise<void> {
    const reply = rule?.answer.kind === "grpc" ? rule.answer.reply : undefined;
    await later(reply?.delayMs);
    const head: Pairs = [
      [":status", "200"],
      ["content-type", "application/grpc"],
    ];
    if (reply === undefined)
      return respond(stream, message([...head, ["grpc-status", UNIMPLEMENTED], ["grpc-message", grpcWords(missingAnswer(call))]]));
    await respond(stream, message([...head, ...reply.initialMetadata], reply.messages.map(framed), grpcTrailers(reply)));
  }
}

/** Clusters of which some calls find nobody: a real service cannot be made to do that. */
export function mixedRefusals(rules: readonly CalloutRule[]): string | undefined {
  const refusing = rules.filter(isRefusal).map(({ cluster }) => cluster);
  return refusing.find((cluster) => rules.some((rule) => rule.cluster === cluster && !isRefusal(rule)));
}

/** A unary call of Envoy has its length nowhere: only a stream of a filter comes without an end. */
function isStreaming(headers: IncomingHttpHeaders): boolean {
  return headers["content-type"]?.startsWith("application/grpc") === true && headers["grpc-timeout"] === undefined;
}

function callOf(cluster: string, { headers, body, trailers }: Message): ObservedCall {
  const path = headers.find(([name]) => name === ":path")?.[1] ?? "";
  const isGrpc = headers.some(([name, value]) => name === "content-type" && value.startsWith("application/grpc"));
  const own = headers.filter(([name]) => !ADDED.test(name));
  if (!isGrpc) return { cluster, grpc: undefined, message: message(own, joined(body), trailers), timeoutMs: 0 };
  const metadata = own.filter(([name]) => !name.startsWith(":") && !GRPC_ADDED.has(name));
  return { cluster, grpc: path.slice(1), message: message(metadata, messagesIn(Buffer.concat(body))), timeoutMs: 0 };
}

/** What Envoy adds to calls by itself. */
const ADDED = /^(x-envoy-|x-forwarded-for$)/;
const GRPC_ADDED: ReadonlySet<string> = new Set(["content-type", "te", "grpc-timeout", "grpc-accept-encoding"]);

function joined(body: readonly Uint8Array[]): Uint8Array[] {
  const whole = Buffer.concat(body);
  return whole.length === 0 ? [] : [whole];
}

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: a flag, four bytes of length, the message. */
function messagesIn(body: Buffer): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const length = body.readUInt32BE(at + 1);
    messages.push(body.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}

function framed(bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function grpcTrailers({ status, message: text, trailingMetadata }: GrpcReply): Pairs {
  const words: Pairs = text === undefined ? [] : [["grpc-message", grpcWords(text)]];
  return [["grpc-status", String(status)], ...words, ...trailingMetadata];
}

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses: Percent-Encoded. */
function grpcWords(text: string): string {
  return text.replace(/[^ -$&-~]/gu, encodeURIComponent);
}

async function fail(failure: CalloutFailure, stream: ServerHttp2Stream): Promise<void> {
  if (failure !== "reset") return;
  stream.respond({ ":status": 200 });
  await later(RESET_MS);
  stream.destroy(new Error("reset"));
}

async function later(ms = 0): Promise<void> {
  if (ms > 0) await sleep(ms);
}
