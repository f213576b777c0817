import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createFileRegistry, type FileRegistry, fromBinary, fromJson, type JsonObject, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { collectProtos } from "../../scripts/generate-protos.ts";

const BUF = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url));

/** Compiles .proto files, `own` by their name and `known` ones of Envoy and googleapis, into a file with their descriptors. */
export async function buildDescriptors(folder: string, own: Readonly<Record<string, string>>, known: readonly string[]): Promise<string> {
  const protos = join(folder, "proto");
  await mkdir(protos, { recursive: true });
  await collectProtos(known, protos);
  for (const [name, text] of Object.entries(own)) await writeFile(join(protos, name), text);
  await writeFile(join(folder, "buf.yaml"), JSON.stringify({ version: "v2", modules: [{ path: "proto" }] }));
  await promisify(execFile)(BUF, ["build", "-o", "all.binpb"], { cwd: folder });
  return join(folder, "all.binpb");
}

/** A gRPC service with one unary method, real but for what it answers. */
export interface GrpcService {
  readonly port: number;
  /** What it was asked, the oldest first. */
  readonly calls: readonly { readonly request: JsonObject; readonly metadata: Metadata }[];
  stop(): void;
}

/** Starts `package.Service/Method` on a free port. Messages are what protobuf's JSON makes of them. */
export async function startGrpcService(
  descriptors: string,
  method: string,
  answer: (request: JsonObject) => JsonObject,
): Promise<GrpcService> {
  const [serviceName = "", methodName = ""] = method.split("/");
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(descriptors)));
  const { input, output } = methodOf(registry, serviceName, methodName);
  const calls: { request: JsonObject; metadata: Metadata }[] = [];
  const server = new Server();
  const definition = {
    path: `/${method}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: Buffer.from,
    requestDeserialize: (bytes: Buffer) => toJson(input, fromBinary(input, bytes), { registry }) as JsonObject,
    responseSerialize: (json: JsonObject) => Buffer.from(toBinary(output, fromJson(output, json, { registry }))),
    responseDeserialize: (bytes: Buffer) => bytes,
  };
  server.addService(
    { [methodName]: definition },
    {
      [methodName]({ request, metadata }: ServerUnaryCall<JsonObject, JsonObject>, done: sendUnaryData<JsonObject>) {
        calls.push({ request, metadata });
        done(null, answer(request));
      },
    },
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(port) : reject(error)));
  return { port: await promise, calls, stop: () => server.forceShutdown() };
}

function methodOf(registry: FileRegistry, service: string, method: string) {
  const found = registry.getService(service)?.methods.find(({ name }) => name === method);
  if (found === undefined) throw new Error(`no method ${service}/${method}`);
  return found;
}
