// The compiler looks for it by its path, by `use` in asconfig.json.
import "./trap";

export { Header } from "./abi/pairs";
export { Action, GrpcStatus, LogLevel, Status } from "./abi/types";
export { Body } from "./body";
export { Context, RootContext, StreamContext } from "./context";
export { callForeignFunction } from "./foreign";
export { GrpcCallback, grpcCall, grpcStream } from "./grpc-call";
export { Headers } from "./headers";
export { callFailure, HttpCallback, HttpResponse, httpCall } from "./http-call";
export { Configuration } from "./json/configuration";
export { JsonError, JsonKind, JsonResult, JsonValue, parseJson } from "./json/index";
export { log, logLevel } from "./log";
export { Counter, Gauge, Histogram } from "./metric";
export { property } from "./property";
export { registerNamedPlugin, registerPlugin, registerStream } from "./registry";
export { SharedValue, sharedData } from "./shared-data";
export { SharedQueue } from "./shared-queue";
export { now } from "./time";
