import { GrpcStatus } from "./abi/types";

/** What can come of a gRPC call. */
export enum GrpcEvent {
  InitialMetadata,
  Message,
  TrailingMetadata,
  Close,
}

/** Set by the first call: a filter that makes none carries nothing of calls. */
let httpAnswer: ((token: u32, headerCount: u32) => void) | null = null;
let grpcEvent: ((event: GrpcEvent, token: u32, status: GrpcStatus) => void) | null = null;

export function onHttpAnswer(take: (token: u32, headerCount: u32) => void): void {
  httpAnswer = take;
}

export function onGrpcEvent(take: (event: GrpcEvent, token: u32, status: GrpcStatus) => void): void {
  grpcEvent = take;
}

export function deliverHttp(token: u32, headerCount: u32): void {
  const take = httpAnswer;
  if (take !== null) take(token, headerCount);
}

export function deliverGrpc(event: GrpcEvent, token: u32, status: GrpcStatus = 0): void {
  const take = grpcEvent;
  if (take !== null) take(event, token, status);
}
