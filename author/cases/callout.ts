import type { GrpcReply, HttpReply } from "../../preflight/index.ts";
import type { MessageExpectation } from "./case.ts";

/** What a service answers to the calls of the filter that it is for. */
export interface CalloutRule {
  readonly line: number;
  readonly kind: "http" | "grpc";
  readonly cluster: string;
  /** `package.Service/Method`. Of gRPC. */
  readonly method?: string;
  /** Calls that it is not for go on to the next rule. */
  readonly request: MessageExpectation;
  /** Calls that it answers; then it is for none. */
  readonly times: number;
  readonly answer: CalloutAnswer;
}

/** `timeout`: no answer comes; `refused`: nobody listens; `reset`: the connection breaks after the headers of the answer. */
export type CalloutFailure = "timeout" | "refused" | "reset";

export type CalloutAnswer =
  | { readonly kind: "failure"; readonly failure: CalloutFailure }
  | { readonly kind: "http"; readonly reply: HttpReply }
  | { readonly kind: "grpc"; readonly reply: GrpcReply };

/** Nobody listens. */
export function isRefusal({ answer }: CalloutRule): boolean {
  return answer.kind === "failure" && answer.failure === "refused";
}
