import { status } from "../grpc/status.ts";

/** Why a stream must end: a gRPC status. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
}

export interface StreamLimits {
  /** Names and resources that the server remembers for one stream. */
  readonly names: number;
  /** Resource types on one stream. */
  readonly types: number;
  /** Names and resources that the server remembers for all streams. Beyond it, only streams with a few may ask for more. */
  readonly namesInAll: number;
}

/** Names and resources that a stream may have even when all together have too many. A real proxy has a few dozen. */
export const FEW_NAMES = 64;

export function invalid(message: string): Refusal {
  return { code: status.invalidArgument, message };
}

export function tooManyNames({ names }: StreamLimits): Refusal {
  return exhausted(`a stream may subscribe to at most ${names} resources`);
}

export function exhausted(message: string): Refusal {
  return { code: status.resourceExhausted, message };
}
