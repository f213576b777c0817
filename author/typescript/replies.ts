import type { GrpcReply, HttpReply } from "../../preflight/index.ts";
import type { ObservedCall } from "../cases/observed.ts";
import type { CaseReplies } from "../cases/sandbox/replies.ts";
import { failedGrpc, failedHttp, ofGrpc, ofHttp } from "../cases/sandbox/replies.ts";
import { answerOf, bytesOf, calloutGot, pairsOf } from "./messages.ts";
import type { CalloutAnswer, FilterOptions, GrpcAnswer, HttpAnswer } from "./types.ts";

/** Answers the calls of a filter by a function of its test. */
export function repliesOf(answer: FilterOptions["callouts"] = () => undefined): CaseReplies {
  let made: ObservedCall[] = [];
  const ask = (call: ObservedCall): CalloutAnswer | undefined => {
    const given = answer(calloutGot(call));
    if (given !== undefined) made.push(call);
    return given;
  };
  return {
    http(call) {
      const given = ask(ofHttp(call));
      if (given === undefined) return "unknown";
      if ("failure" in given) return failedHttp(given.failure);
      if ("grpc" in given) throw new TypeError(`a call of ${call.cluster} is HTTP, and its answer is one of gRPC`);
      return httpReply(given);
    },
    grpc(call) {
      const given = ask(ofGrpc(call));
      if (given === undefined) return "unknown";
      if ("failure" in given) return failedGrpc(given.failure);
      if (!("grpc" in given)) throw new TypeError(`a call of ${call.method} is gRPC, and its answer has no grpc, the status`);
      return grpcReply(given);
    },
    take() {
      const taken = made;
      made = [];
      return taken;
    },
  };
}

function httpReply(given: HttpAnswer): HttpReply {
  const { headers, body, trailers } = answerOf(given);
  return { headers, body: Buffer.concat(body), trailers, delayMs: given.delay ?? 0 };
}

function grpcReply({ grpc, message, messages = [], metadata, trailers, delay = 0 }: GrpcAnswer): GrpcReply {
  const text = message === undefined ? {} : { message };
  return {
    status: grpc,
    ...text,
    messages: messages.map(bytesOf),
    initialMetadata: pairsOf(metadata),
    trailingMetadata: pairsOf(trailers),
    delayMs: delay,
  };
}
