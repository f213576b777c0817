import { createHash } from "node:crypto";
import type { Digest } from "../../model/digest.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { blobNotFound } from "../repository/bytes.ts";
import type { Descriptor } from "../repository/manifest.ts";
import { Broken } from "../repository/transfer.ts";
import { MAX_RESUMES, startOf, truncated } from "./blobs.ts";
import { encodingsOf } from "./encoding.ts";
import { type HttpRequest, type HttpResponse, Interrupted } from "./http.ts";
import { type Session, wrongContent } from "./session.ts";

/** A blob as it arrives, resumed where it broke off. Throws `Broken`, at the end too: by then its digest is known. */
export async function* streamBlob(session: Session, { digest, size }: Descriptor, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let received = 0;
  let cause = "";
  for (let attempt = 0; attempt <= MAX_RESUMES && received < size; attempt++) {
    if (attempt > 0) session.retried();
    const headers: Record<string, string> = received > 0 ? { range: `bytes=${received}-` } : {};
    const answer = await session.request({ method: "GET", url: session.url(`blobs/${digest}`), headers, signal });
    if (!answer.ok) throw new Broken(answer.error);
    await checkAnswer(session, answer.value, digest, received);
    // A registry that does not resume sends it from the start.
    let skip = answer.value.status === 200 ? received : 0;
    try {
      for await (const chunk of answer.value.chunks()) {
        const piece = chunk.subarray(Math.min(skip, chunk.byteLength));
        skip -= chunk.byteLength - piece.byteLength;
        if (piece.byteLength === 0) continue;
        received += piece.byteLength;
        if (received > size) throw new Broken(wrongContent(session, `layer ${digest}`).error);
        hash.update(piece);
        yield piece;
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (error.failure.reason === "Canceled") throw new Broken(error.failure);
      cause = `: ${error.failure.message}`;
    }
  }
  if (received < size) throw new Broken(truncated(session, digest, received, size, cause).error);
  if (`sha256:${hash.digest("hex")}` !== digest) throw new Broken(wrongContent(session, `layer ${digest}`).error);
}

async function checkAnswer(session: Session, response: HttpResponse, digest: Digest, received: number): Promise<void> {
  if (response.status === 404) {
    await response.discard();
    throw new Broken(blobNotFound(session.name, digest).error);
  }
  if (startOf(response, received) === undefined) throw new Broken((await session.unexpected(response, `layer ${digest}`)).error);
  if (encodingsOf(response.headers).length === 0) return;
  await response.discard();
  const why = "it comes encoded, which cannot be passed on as it is; check any cache before the registry";
  throw new Broken(fail("RegistryRefused", `layer ${digest} of ${session.name}: ${why}`).error);
}

/** True when the registry says that it has the blob. Anything else but 200 tells nothing. */
export async function holdsBlob(session: Session, digest: Digest, signal?: AbortSignal): Promise<Result<boolean>> {
  const there = await session.request({ method: "HEAD", url: session.url(`blobs/${digest}`), signal }, "pull,push");
  if (!there.ok) return there.error.reason === "AccessDenied" ? ok(false) : there;
  await there.value.discard();
  return ok(there.value.status === 200);
}

/** Uploads a blob unless it is there. A HEAD only saves an upload, and never decides. */
export async function putBlob(
  session: Session,
  bytes: Uint8Array<ArrayBuffer>,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Result<void>> {
  const there = await holdsBlob(session, digest, signal);
  if (!there.ok) return there;
  if (there.value) return ok(undefined);
  const place = await startUpload(session, signal);
  return place.ok ? upload(session, place.value, digest, bytes, signal) : place;
}

/** Asks for a place for an upload. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put */
export async function startUpload(session: Session, signal?: AbortSignal): Promise<Result<URL>> {
  const started = await session.request({ method: "POST", url: session.url("blobs/uploads/"), signal }, "pull,push");
  if (!started.ok) return started;
  const place = started.value.headers.get("location");
  if (started.value.status !== 202 || place === null) return session.unexpected(started.value, "an upload");
  await started.value.discard();
  const url = URL.parse(place, started.value.url.href);
  if (url === null) return fail("RegistryRefused", `the registry of ${session.name} names no usable place for an upload`);
  return ok(url);
}

/** Uploads a blob to its place as it comes. The registry checks the digest. */
export async function uploadStream(
  session: Session,
  place: URL,
  { digest, size }: Descriptor,
  pieces: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<Result<void>> {
  let broken: Failure | undefined;
  const body = { byteLength: size, pieces: noting(pieces, (failure) => (broken = failure)) };
  const done = await upload(session, place, digest, body, signal);
  return broken === undefined ? done : { ok: false, error: broken };
}

async function upload(
  session: Session,
  place: URL,
  digest: Digest,
  body: NonNullable<HttpRequest["body"]>,
  signal?: AbortSignal,
): Promise<Result<void>> {
  const url = new URL(place);
  url.searchParams.set("digest", digest);
  const headers = { "content-type": "application/octet-stream" };
  const done = await session.request({ method: "PUT", url, headers, body, signal }, "pull,push");
  if (!done.ok) return done;
  if (done.value.status !== 201) return session.unexpected(done.value, `the upload of ${digest}`);
  await done.value.discard();
  return ok(undefined);
}

/** What breaks a request's body is told by the request as something else. */
async function* noting(pieces: AsyncIterable<Uint8Array>, note: (failure: Failure) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    if (error instanceof Broken) note(error.failure);
    throw error;
  }
}

/** Has the registry take a blob over from another of its repositories. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#mounting-a-blob-from-another-repository */
export async function mountBlob(session: Session, digest: Digest, from: string, signal?: AbortSignal): Promise<Result<boolean>> {
  const url = session.url("blobs/uploads/");
  url.searchParams.set("mount", digest);
  url.searchParams.set("from", from);
  const answer = await session.request({ method: "POST", url, signal }, "pull,push");
  if (!answer.ok) return answer;
  // Anything but 201: it was not taken over, and an upload says why if that is refused too.
  await answer.value.discard();
  return ok(answer.value.status === 201);
}
