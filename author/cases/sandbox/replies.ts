import {
  type GrpcCall,
  type GrpcReply,
  grpcFailure,
  type HttpCall,
  type HttpReply,
  localReply,
  message,
  type Pairs,
  type Replies,
} from "../../../preflight/index.ts";
import { type CalloutFailure, type CalloutRule, isRefusal } from "../callout.ts";
import { compareMessage } from "../compare-message.ts";
import type { ObservedCall } from "../observed.ts";

/** What Envoy says to a plugin whose call reached nobody, and how it came to that. */
const REFUSED = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
const REFUSED_DETAILS = "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}";
const UNIMPLEMENTED = 12;

/** Answers the calls of a filter by the rules of a case, and keeps what was called. */
export interface CaseReplies extends Replies {
  /** Calls since the last time, in order. */
  take(): ObservedCall[];
}

/** A cluster that no rule names does not exist. */
export function createReplies(rules: readonly CalloutRule[]): CaseReplies {
  const book = createRuleBook(rules);
  let made: ObservedCall[] = [];
  const ruleFor = (kind: CalloutRule["kind"], call: ObservedCall): CalloutRule | undefined => {
    const rule = book.find(kind, call);
    made.push(rule !== undefined && isRefusal(rule) ? { ...call, isUnheard: true } : call);
    return rule;
  };
  return {
    http: (call) => (book.knows(call.cluster) ? httpReply(ruleFor("http", ofHttp(call)), call) : "unknown"),
    grpc: (call) => (book.knows(call.cluster) ? grpcReply(ruleFor("grpc", ofGrpc(call)), call) : "unknown"),
    take() {
      const taken = made;
      made = [];
      return taken;
    },
  };
}

/** Which rule answers a call; each counts what it answered. */
export interface RuleBook {
  /** A rule names this cluster. */
  knows(cluster: string): boolean;
  find(kind: CalloutRule["kind"], call: ObservedCall): CalloutRule | undefined;
}

export function createRuleBook(rules: readonly CalloutRule[]): RuleBook {
  const used = new Map<CalloutRule, number>();
  return {
    knows: (cluster) => rules.some((rule) => rule.cluster === cluster),
    find(kind, call) {
      const found = rules.find((rule) => isFor(rule, kind, call) && (used.get(rule) ?? 0) < rule.times);
      if (found !== undefined) used.set(found, (used.get(found) ?? 0) + 1);
      return found;
    },
  };
}

function isFor(rule: CalloutRule, kind: CalloutRule["kind"], call: ObservedCall): boolean {
  if (rule.kind !== kind || rule.cluster !== call.cluster) return false;
  if (rule.method !== undefined && rule.method !== call.grpc) return false;
  return compareMessage(rule.request, call.message, "request", rule.line).length === 0;
}

/** A service that knows nothing of a request says so. */
export function missingAnswer({ cluster }: Pick<ObservedCall, "cluster">): string {
  return `no callout of the case is for this call of ${cluster}`;
}

function httpReply(rule: CalloutRule | undefined, call: HttpCall): HttpReply | "reset" | "silence" {
  if (rule === undefined || rule.answer.kind === "grpc") return localReply(404, missingAnswer(call));
  return rule.answer.kind === "http" ? rule.answer.reply : failedHttp(rule.answer.failure);
}

export function failedHttp(failure: CalloutFailure): HttpReply | "reset" | "silence" {
  switch (failure) {
    case "timeout":
      return "silence";
    case "reset":
      return "reset";
    case "refused":
      return localReply(503, REFUSED);
  }
}

function grpcReply(rule: CalloutRule | undefined, call: GrpcCall): GrpcReply | "silence" {
  if (rule === undefined || rule.answer.kind === "http") return grpcStatus(UNIMPLEMENTED, missingAnswer(call));
  return rule.answer.kind === "grpc" ? rule.answer.reply : failedGrpc(rule.answer.failure);
}

export function failedGrpc(failure: CalloutFailure): GrpcReply | "silence" {
  return failure === "timeout" ? "silence" : grpcFailure(REFUSED, REFUSED_DETAILS);
}

function grpcStatus(status: number, message: string): GrpcReply {
  return { initialMetadata: [], messages: [], trailingMetadata: [], status, message };
}

export function ofHttp({ cluster, headers, body, trailers, timeoutMs }: HttpCall): ObservedCall {
  // Envoy tells a body's length.
  const all: Pairs = body.length === 0 ? headers : [...headers, ["content-length", String(body.length)]];
  return { cluster, grpc: undefined, message: message(all, body.length === 0 ? [] : [body], trailers), timeoutMs };
}

export function ofGrpc({ cluster, method, metadata, messages, timeoutMs }: GrpcCall): ObservedCall {
  return { cluster, grpc: method, message: message(metadata, messages), timeoutMs };
}
