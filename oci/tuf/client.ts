import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import seeds from "@sigstore/tuf/seeds.json" with { type: "json" };
import { BaseFetcher, Updater } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error.js";
import { clip, oneLine } from "../../base/text.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { causeOf, refusalOf } from "../registry/cause.ts";
import type { Fetch, FetchResponse } from "../registry/fetch.ts";
import { MAX_REDIRECTS, redirectOf } from "../registry/http.ts";

/** Of one file; the largest of the public repository has 10,000 bytes. The client has bounds too, which the repository may raise. */
const MAX_FILE_BYTES = 1 << 20;
/** Of all files; the client takes 256 roots one after the other. */
const MAX_TOTAL_BYTES = 16 << 20;

/** The `root.json` of the public sigstore that this version of Weir came with. What it signed leads to the one of today. */
export const publicRoot = (): Buffer => Buffer.from(seeds["https://tuf-repo-cdn.sigstore.dev"]["root.json"], "base64");

export interface TufReading {
  /** Where the repository is. */
  readonly mirror: string;
  /** An empty folder but for `root.json`, the root to begin with. The client keeps what it read there. */
  readonly folder: string;
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
}

/**
 * The bytes of one target of a repository, after all that leads to it was verified: https://theupdateframework.github.io/specification/latest/#detailed-client-workflow
 * Fails with `TrustRootUnreachable`, `TrustRootUntrusted`, or `RootInvalid` for the root to begin with.
 */
export async function readTarget(name: string, reading: TufReading): Promise<Result<Buffer>> {
  const { mirror, folder } = reading;
  const fetcher = new BoundedFetcher(reading);
  let updater: Updater;
  try {
    updater = new Updater({ metadataDir: folder, metadataBaseUrl: mirror, targetDir: folder, targetBaseUrl: `${mirror}/targets`, fetcher });
  } catch {
    return fail(
      "RootInvalid",
      "the root is no root.json of a TUF repository, signed by its own keys; take it from where the repository's owner publishes it",
    );
  }
  try {
    const target = await updater.getTargetInfo(name);
    if (target === undefined)
      return fail("TrustRootUntrusted", `${mirror} has no ${name} among what it signs; name a repository of sigstore`);
    return ok(await readFile(await updater.downloadTarget(target, join(folder, "target"))));
  } catch (error) {
    return { ok: false, error: fetcher.failure ?? untrusted(error, fetcher.file, mirror) };
  }
}

/** Why a file is not taken. The client tells some of its errors as the text of others. */
function untrusted(error: unknown, file: string, mirror: string): Failure {
  const said = error instanceof Error ? error.message : String(error);
  const [, expired] = /(\w+\.json) is expired/.exec(said) ?? [];
  const where = `${expired ?? file} of ${mirror}`;
  const why = () => {
    if (expired !== undefined) return "has expired; the mirror is behind, or the clock of this machine is wrong";
    if (/Max length reached|Expected (?:length|hash)/.test(said))
      return "is not what the repository signed: its length or its hash is another; it was changed, or the mirror is half updated: try again, or another mirror";
    if (/was signed by \d+\/\d+ keys/.test(said))
      return "is not signed by the keys that the root names; it was changed, or the repository is another one: give its own root.json as --root";
    if (/\bversion\b/i.test(said))
      return "has another version than the repository says; the mirror is half updated: try again, or another mirror";
    return `cannot be read as metadata of TUF (${clip(oneLine(said), 200)}); name a repository of sigstore`;
  };
  return fail("TrustRootUntrusted", `${where} ${why()}`).error;
}

/** The name of a file as the repository lists it: those of targets begin with their hash. */
function nameOf(url: string): string {
  return clip(oneLine(basename(new URL(url).pathname)).replace(/^[0-9a-f]{64,128}\./, ""), 100);
}

/** Reads files of a repository within bounds, and remembers which one it was and why it could not be had. */
class BoundedFetcher extends BaseFetcher {
  failure: Failure | undefined;
  file = "";
  readonly #reading: TufReading;
  #left = MAX_TOTAL_BYTES;

  constructor(reading: TufReading) {
    super();
    this.#reading = reading;
  }

  override async fetch(url: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    this.failure = undefined;
    this.file = nameOf(url);
    const { status, body } = await this.#follow(new URL(url));
    if (status === 200 && body !== null) return ReadableStream.from(this.#bounded(body));
    await body?.cancel();
    // Of a root that is not there yet, the client makes the end of the chain of roots.
    this.#because(`answered ${status} for ${this.file}; name a repository of sigstore, or try again`);
    throw new DownloadHTTPError("no such file", status);
  }

  async #follow(url: URL): Promise<FetchResponse> {
    const { fetch, signal } = this.#reading;
    let target = url;
    for (let redirects = 0; ; redirects++) {
      const reach = redirects === 0 ? "registry" : "linked";
      let answer: FetchResponse;
      try {
        answer = await fetch(target.href, { signal }, reach);
      } catch (error) {
        this.failure = refusalOf(error, target, reach);
        if (this.failure === undefined) this.#unanswered(error);
        throw error;
      }
      const next = redirectOf(answer, target);
      if (next === undefined) return answer;
      await answer.body?.cancel();
      if (next === null || !/^https?:$/.test(next.protocol) || redirects === MAX_REDIRECTS)
        throw this.#because(
          `sends ${this.file} elsewhere more than ${MAX_REDIRECTS} times, or to no address of HTTP; name the repository's own address`,
        );
      target = next;
    }
  }

  async *#bounded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    let bytes = 0;
    try {
      for await (const chunk of body) {
        bytes += chunk.length;
        this.#left -= chunk.length;
        if (bytes > MAX_FILE_BYTES || this.#left < 0)
          throw this.#because(`sends more than 1 MiB as ${this.file}, or 16 MiB in all; name a repository of sigstore`);
        yield new Uint8Array(chunk);
      }
    } catch (error) {
      if (this.failure === undefined) this.#unanswered(error);
      throw error;
    }
  }

  #unanswered(error: unknown): void {
    const why = this.#reading.signal.aborted
      ? "took too long to send all"
      : `did not answer for ${this.file} (${clip(oneLine(causeOf(error)), 200)})`;
    this.#because(`${why}; check the network, or name a mirror with --mirror`);
  }

  #because(why: string): Error {
    const message = `${this.#reading.mirror} ${why}`;
    this.failure = fail("TrustRootUnreachable", message).error;
    return new Error(message);
  }
}
