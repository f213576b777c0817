import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type BlobDigest, type Digest, digestOf, hasDigest, isBlobDigest, isDigest } from "../../model/digest.ts";
import { type Content, createContent } from "./images.ts";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

/** A registry in memory that tells the truth unless a test tells it how to lie. */
export interface FakeRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly content: Content;
  readonly requests: SeenRequest[];
  /** Answers in place of the registry when it returns true. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
  stop(): Promise<void>;
}

export async function startFakeRegistry(content: Content = createContent()): Promise<FakeRegistry> {
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    requests.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers });
    if (!fake.intercept(request, response)) void serve(content, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const fake: FakeRegistry = {
    host: `127.0.0.1:${portOf(server)}`,
    content,
    requests,
    intercept: () => false,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return fake;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  return address.port;
}

/** Just enough of https://github.com/opencontainers/distribution-spec/blob/main/spec.md for any repository name. */
async function serve(content: Content, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "", "http://fake");
  const [, kind, name] = /^\/v2\/.+\/(manifests|blobs|tags|blobs\/uploads)\/([^/]*)$/.exec(url.pathname) ?? [];
  const body = await readAll(request);
  if (kind === "tags") return json(response, 200, { name: "any", tags: [...content.tags.keys()] });
  if (kind === "blobs/uploads" || (kind === "blobs" && name === "uploads")) {
    if (request.method === "POST") return reply(response, 202, { location: `${url.pathname}session?state=x` });
    const digest = url.searchParams.get("digest") ?? "";
    if (!isBlobDigest(digest) || !(await hasDigest(body, digest))) return json(response, 400, { errors: [{ code: "DIGEST_INVALID" }] });
    content.blobs.set(digest, body);
    return reply(response, 201, {});
  }
  if (kind === "manifests" && request.method === "PUT") {
    const digest = digestOf(body);
    content.manifests.set(digest, { bytes: body, mediaType: request.headers["content-type"] ?? "" });
    if (name !== undefined && !isDigest(name)) content.tags.set(name, digest);
    return reply(response, 201, { "docker-content-digest": digest });
  }
  if (kind === "manifests") {
    const digest: Digest | undefined = isDigest(name ?? "") ? (name as Digest) : content.tags.get(name ?? "");
    const found = digest === undefined ? undefined : content.manifests.get(digest);
    if (found === undefined || digest === undefined)
      return json(response, 404, { errors: [{ code: "MANIFEST_UNKNOWN", message: "no such" }] });
    return reply(response, 200, { "content-type": found.mediaType, "docker-content-digest": digest }, found.bytes);
  }
  const blob = kind === "blobs" ? content.blobs.get(name as BlobDigest) : undefined;
  if (blob === undefined) return json(response, 404, { errors: [{ code: "BLOB_UNKNOWN" }] });
  return sendBlob(request, response, blob);
}

export function sendBlob(request: IncomingMessage, response: ServerResponse, blob: Uint8Array): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const range = `bytes ${from}-${blob.byteLength - 1}/${blob.byteLength}`;
  if (from === 0) reply(response, 200, {}, blob);
  else if (from >= blob.byteLength) reply(response, 416, {});
  else reply(response, 206, { "content-range": range }, blob.subarray(from));
}

export function reply(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: Uint8Array = new Uint8Array(),
): void {
  response.writeHead(status, { "content-length": body.byteLength, ...headers });
  response.end(body);
}

export function json(response: ServerResponse, status: number, document: object, headers: Record<string, string> = {}): void {
  reply(response, status, { "content-type": "application/json", ...headers }, Buffer.from(JSON.stringify(document)));
}

async function readAll(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}
