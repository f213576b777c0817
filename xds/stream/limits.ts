import { status } from "../grpc/status.ts";

/** Why a stream must end: a gRPC status. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
}

export interface StreamLimits {
  /** Names that one stream may subscribe to. With the resource that it has, each counts twice. */
  readonly names: number;
  /** Resource types on one stream. */
  readonly types: number;
  /** Names and resources that the server remembers for all streams, whatever each has. Beyond it, connections may have no more than 256 names. */
  readonly namesInAll: number;
  /** The same of a very large fleet. Beyond it, connections may have no more than 64 names. */
  readonly namesAtMost: number;
}

export function invalid(message: string): Refusal {
  return { code: status.invalidArgument, message };
}

export function tooManyNames({ names }: StreamLimits): Refusal {
  return exhausted(`a stream may subscribe to at most ${names} resources`);
}

export function exhausted(message: string): Refusal {
  return { code: status.resourceExhausted, message };
}
