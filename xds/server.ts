import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from "@grpc/grpc-js";
import type { Log } from "../model/log.ts";
import type { Discovery } from "./discovery.ts";
import { HealthCheckResponse, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health.ts";
import { type MetricsSink, registerMetricsService } from "./metrics-service.ts";
import { discoveryServices } from "./services.ts";
import type { Wire } from "./stream.ts";
import type { Request } from "./subscription.ts";

export interface GrpcServerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly credentials?: ServerCredentials | undefined;
  readonly discovery: Discovery;
  /** Takes the stats that proxies stream. */
  readonly metrics: MetricsSink;
  readonly log: Log;
  /** Bytes. */
  readonly maxRequestSize: number;
  /** Milliseconds after which a connection is asked to come back elsewhere; 0: never. */
  readonly maxConnectionAgeMs: number;
}

export interface GrpcServer {
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  close(): Promise<void>;
}

/** Bytes on their way to a client beyond which its stream waits: what changes meanwhile replaces what was due. */
const HIGH_WATER = 256 * 1024;
/** Milliseconds that open calls have to end when the server closes. */
const CLOSE_GRACE_MS = 2_000;

const identity = (bytes: Buffer) => bytes;

/** The gRPC end of the discovery services, on grpc-js. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { discovery, log } = options;
  const server = new Server({
    "grpc.enable_channelz": 0,
    "grpc.max_receive_message_length": options.maxRequestSize,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.max_concurrent_streams": 1_000,
    ...(options.maxConnectionAgeMs > 0 && {
      "grpc.max_connection_age_ms": options.maxConnectionAgeMs,
      "grpc.max_connection_age_grace_ms": 10_000,
    }),
  });
  for (const { name, sotw, delta, typeUrl } of discoveryServices) {
    register(`/${name}/${sotw}`, "bidi", (call: ServerDuplexStream<Buffer, Uint8Array>) => serveStream(discovery, "sotw", typeUrl, call));
    register(`/${name}/${delta}`, "bidi", (call: ServerDuplexStream<Buffer, Uint8Array>) => serveStream(discovery, "delta", typeUrl, call));
  }
  registerHealth();
  registerMetricsService(server, options.metrics);

  function register(path: string, kind: "unary" | "bidi" | "serverStream", handler: unknown): void {
    type Handler = handleBidiStreamingCall<Buffer, Uint8Array> &
      handleUnaryCall<Buffer, Uint8Array> &
      handleServerStreamingCall<Buffer, Uint8Array>;
    server.register(path, handler as Handler, identity as (bytes: Uint8Array) => Buffer, identity, kind);
  }

  function registerHealth(): void {
    const serving = HealthCheckResponse.encode({ status: HealthCheckResponse_ServingStatus.SERVING }).finish();
    const check: handleUnaryCall<Buffer, Uint8Array> = (_call, done) => done(null, Buffer.from(serving));
    const watch: handleServerStreamingCall<Buffer, Uint8Array> = (call) => void call.write(Buffer.from(serving));
    register("/grpc.health.v1.Health/Check", "unary", check);
    register("/grpc.health.v1.Health/Watch", "serverStream", watch);
  }

  return {
    async listen() {
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync(options.address, options.credentials ?? ServerCredentials.createInsecure(), (error, bound) =>
          error ? reject(new Error(`cannot listen on ${options.address}: ${error.message}`)) : resolve(bound),
        );
      });
      const host = options.address.slice(0, options.address.lastIndexOf(":"));
      log.info("xds server listens", { address: `${host}:${port}` });
      return { host, port };
    },
    async close() {
      discovery.close();
      await new Promise<void>((resolve) => {
        const late = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, CLOSE_GRACE_MS);
        server.tryShutdown(() => {
          clearTimeout(late);
          resolve();
        });
      });
    },
  };
}

function serveStream(
  discovery: Discovery,
  variant: Request["variant"],
  typeUrl: string | undefined,
  call: ServerDuplexStream<Buffer, Uint8Array>,
): void {
  let inFlight = 0;
  let over = false;
  const wire: Wire = {
    send(message) {
      if (over) return false;
      inFlight += message.length;
      call.write(message, () => {
        const wasFull = inFlight >= HIGH_WATER;
        inFlight -= message.length;
        if (wasFull && inFlight < HIGH_WATER) stream.drained();
      });
      return inFlight < HIGH_WATER;
    },
    fail(code, details) {
      if (!over) call.emit("error", { code, details });
      over = true;
    },
  };
  const stream = discovery.open(variant, typeUrl, wire);
  const close = () => {
    stream.close();
    if (!over) call.end();
    over = true;
  };
  call.on("data", (message: Buffer) => stream.receive(message));
  for (const event of ["end", "error", "cancelled", "close"]) call.on(event, close);
}
