import type { GrpcReply } from "../../../preflight/index.ts";
import type { Place } from "../../yaml/place.ts";
import type { CalloutAnswer, CalloutFailure, CalloutRule } from "../callout.ts";
import { readBytes } from "./bytes.ts";
import { readMessageExpectation } from "./expect.ts";
import { readAnswer, readPairs } from "./message.ts";
import type { Reading } from "./reading.ts";

const KEYS = ["cluster", "grpc", "request", "response", "failure", "delay", "times"] as const;
const FAILURES: readonly CalloutFailure[] = ["timeout", "refused", "reset"];
const MAX_TIMES = 1_000_000;
/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const MAX_GRPC_STATUS = 16;

/** What a service answers to the calls that the filter makes. */
export function readCallouts(reading: Reading, place: Place | undefined): CalloutRule[] {
  return reading.list(place).map((item) => readCallout(reading, item));
}

function readCallout(reading: Reading, place: Place): CalloutRule {
  reading.map(place, KEYS);
  const [cluster, grpc, request] = [place.get("cluster"), place.get("grpc"), place.get("request")];
  if (cluster === undefined) reading.wrong(place, "has no cluster; write the one that the filter calls");
  const method = reading.optionalText(grpc);
  if (grpc !== undefined && !/^[\w.]+\/\w+$/.test(method ?? "")) reading.wrong(grpc, "must be a method as in package.Service/Method");
  const path = "request";
  const pseudo = grpc === undefined ? (["method", "path", "host", "scheme"] as const) : [];
  return {
    line: place.line,
    kind: grpc === undefined ? "http" : "grpc",
    cluster: cluster === undefined ? "" : reading.text(cluster),
    ...(method !== undefined && { method }),
    request: request === undefined ? { headers: [], trailers: [] } : readMessageExpectation(reading, request, path, { pseudo }),
    times: reading.whole(place.get("times"), 1, MAX_TIMES, Number.POSITIVE_INFINITY),
    answer: readCalloutAnswer(reading, place, grpc !== undefined),
  };
}

function readCalloutAnswer(reading: Reading, place: Place, isGrpc: boolean): CalloutAnswer {
  const [failure, response, delay] = [place.get("failure"), place.get("response"), place.get("delay")];
  if (failure !== undefined) {
    if (response !== undefined) reading.wrong(failure, "stands beside response; a call is answered or fails");
    if (delay !== undefined) reading.wrong(delay, "stands beside failure, which needs no delay");
    return { kind: "failure", failure: reading.choice(failure, FAILURES) ?? "timeout" };
  }
  const delayMs = reading.duration(delay, 0);
  if (isGrpc) return { kind: "grpc", reply: { ...readGrpcReply(reading, response), delayMs } };
  const { headers, body, trailers } = readAnswer(reading, response);
  return { kind: "http", reply: { headers, body: Buffer.concat(body), trailers, delayMs } };
}

function readGrpcReply(reading: Reading, place: Place | undefined): GrpcReply {
  if (place !== undefined) reading.map(place, ["status", "message", "metadata", "messages", "trailers"]);
  const message = reading.optionalText(place?.get("message"));
  return {
    initialMetadata: readPairs(reading, place?.get("metadata")),
    messages: reading.list(place?.get("messages")).map((each) => readBytes(reading, each)),
    trailingMetadata: readPairs(reading, place?.get("trailers")),
    status: reading.whole(place?.get("status"), 0, MAX_GRPC_STATUS, 0),
    ...(message !== undefined && { message }),
  };
}
