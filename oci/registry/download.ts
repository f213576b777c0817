import { type BlobDigest, createDigester, hasDigest } from "../../model/digest.ts";
import { type Failure, fail, failForNow, type Result } from "../../model/result.ts";
import { printBytes } from "../repository/bytes.ts";
import { Broken } from "../repository/transfer.ts";
import { decode, encodingsOf } from "./encoding.ts";
import { type HttpResponse, Interrupted, readRaw } from "./http.ts";

/** Where content with a digest is downloaded from: a registry, or a plain URL. */
export interface Source {
  /** For messages: `layer sha256:... of r.example/f`. */
  readonly what: string;
  readonly digest: BlobDigest;
  /** Bytes, where they are known beforehand; else the most that are taken. */
  readonly size: number | { readonly atMost: number };
  /** Sends the request with these headers. */
  request(headers: Readonly<Record<string, string>>): Promise<Result<HttpResponse>>;
  /** Why an answer with this status is none. Reads or discards its body. */
  refused(response: HttpResponse): Promise<Failure>;
  /** The content has more bytes. */
  tooLong(): Failure;
  /** The content has another digest. */
  wrong(): Failure;
  /** Counts a request that is made once more after it broke off. */
  retried(): void;
}

/** How often a download that breaks off is resumed where it did. */
const MAX_RESUMES = 4;

/** Encoded content is in memory as a whole, and once more decoded: only at its end it is known whether it had to be. */
const MAX_ENCODED = 16 << 20;

/**
 * Content as it arrives, resumed where it broke off; a piece at a time is in memory. Throws `Broken`, at the end too: by then the digest is known.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs
 */
export function download(source: Source): AsyncGenerator<Uint8Array> {
  return new Download(source).pieces();
}

class Download {
  private readonly source: Source;
  private readonly digester: ReturnType<typeof createDigester>;
  private received = 0;
  private isEnded = false;
  /** The rest may be joined to what came: not where it is encoded. */
  private isJoined = true;
  private cause = "";

  constructor(source: Source) {
    this.source = source;
    this.digester = createDigester(source.digest);
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    const { source } = this;
    for (let attempt = 0; attempt <= MAX_RESUMES && !this.isEnded; attempt++) {
      if (attempt > 0) source.retried();
      yield* this.attempt();
    }
    if (!this.isEnded) throw this.truncated();
    if (this.digester.digest() !== source.digest) throw new Broken(source.wrong());
  }

  private async *attempt(): AsyncGenerator<Uint8Array> {
    const { size } = this.source;
    const response = await this.ask();
    const isWhole = response.status === 200;
    // What does not resume sends it from the start.
    let skip = isWhole ? this.received : 0;
    try {
      for await (const chunk of this.body(response)) {
        const piece = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.byteLength));
        skip -= chunk.byteLength - piece.byteLength;
        if (piece.byteLength > 0) yield this.counted(piece);
      }
      this.isEnded = typeof size === "number" ? this.received === size : skip === 0;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (!error.mayResume) throw new Broken(error.failure);
      this.cause = `: ${error.failure.message}`;
      this.isEnded = this.received === size;
    }
  }

  private async ask(): Promise<HttpResponse> {
    const { source, received } = this;
    const asked = received > 0 && this.isJoined;
    const answer = await source.request(asked ? { range: `bytes=${received}-` } : {});
    if (!answer.ok) throw new Broken(answer.error);
    const response = answer.value;
    if (response.status === 200 || (asked && isRest(response, received))) return response;
    if (response.status !== 416 && response.status !== 206) throw new Broken(await source.refused(response));
    await response.discard();
    throw this.truncated();
  }

  private counted(piece: Uint8Array): Uint8Array {
    const { source } = this;
    this.received += piece.byteLength;
    if (this.received > mostOf(source)) throw new Broken(source.tooLong());
    this.digester.update(piece);
    return piece;
  }

  private async *body(response: HttpResponse): AsyncGenerator<Uint8Array> {
    if (encodingsOf(response.headers).length === 0) yield* response.chunks();
    else yield await this.decoded(response);
  }

  /** Content with a `Content-Encoding`: either a proxy encoded it on its way, or it is stored with that header and came as it is. What has the digest is taken. */
  private async decoded(response: HttpResponse): Promise<Uint8Array> {
    const { source } = this;
    this.isJoined = false;
    if (response.status !== 200) {
      await response.discard();
      throw new Interrupted(failForNow("RegistryUnavailable", "the rest of an encoded answer cannot be joined to its beginning").error);
    }
    const most = Math.min(mostOf(source), MAX_ENCODED);
    // An encoding makes random bytes a little longer.
    const raw = await readRaw(response, most + (most >> 6) + 1024);
    if (raw === undefined) throw new Broken(this.tooMuchEncoded());
    if (await hasDigest(raw, source.digest)) return raw;
    const decoded = await decode(raw, encodingsOf(response.headers), most);
    if (decoded === undefined || !(await hasDigest(decoded, source.digest))) throw new Broken(source.wrong());
    return decoded;
  }

  private tooMuchEncoded(): Failure {
    const { source } = this;
    if (mostOf(source) <= MAX_ENCODED) return source.wrong();
    const message = `${source.what} is sent with a Content-Encoding, and so at most ${printBytes(MAX_ENCODED)} are taken; have the registry, or the proxy before it, send it as it is`;
    return fail("EncodedTooLarge", message).error;
  }

  private truncated(): Broken {
    const { what, size } = this.source;
    const of = typeof size === "number" ? ` of ${size}` : "";
    return new Broken(failForNow("TruncatedBlob", `${what} ended after ${this.received}${of} bytes${this.cause}`).error);
  }
}

function mostOf({ size }: Source): number {
  return typeof size === "number" ? size : size.atMost;
}

/** True for the part of the content that begins where it was asked for. */
function isRest({ status, headers }: HttpResponse, asked: number): boolean {
  const range = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "");
  return status === 206 && Number(range?.[1]) === asked;
}
