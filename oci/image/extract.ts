import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { type Extract, extract, type Header } from "tar-stream";
import { isSystemError, messageOf } from "../../base/error.ts";
import type { Digest } from "../../model/digest.ts";
import { type Failure, fail, failForNow, ok, type Result } from "../../model/result.ts";
import { printBytes, tooLarge } from "../repository/bytes.ts";
import { Broken } from "../repository/transfer.ts";
import { Measured, type ModuleSink } from "./sink.ts";

export interface ExtractOptions {
  /** Most bytes a module may have. */
  readonly moduleBytes: number;
  /** Most bytes an archive may have once inflated. */
  readonly inflatedBytes: number;
  /** Names the layer in messages. */
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
}

/** A module that was written to its sink. */
export interface Extracted {
  readonly wasmDigest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Carries an expected failure through Node's streams. Not thrown outside this file. */
class ExtractError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

type Entry = Extract extends AsyncIterable<infer E> ? E : never;

/** https://webassembly.github.io/spec/core/binary/modules.html#binary-magic */
const WASM = [0x00, 0x61, 0x73, 0x6d];

/**
 * Takes the module out of a layer that is a tar: plain, gzip or zstd. The first bytes decide which, since media types are sometimes
 * wrong about compression. The module is the file named plugin.wasm, else the only `*.wasm`; or the layer is the module itself. Nothing but the module is kept, and it goes
 * to the sink as it comes. Fails with `NoWasmFile`, `SeveralWasmFiles`, `UnsafeArchive`, `CorruptLayer`, `ModuleTooLarge` or
 * `LayerTooLarge`; throws what the pieces throw as `Broken`, and what the sink throws. https://github.com/opencontainers/image-spec/blob/main/layer.md
 */
export async function extractModule(
  layer: AsyncIterable<Uint8Array>,
  sink: ModuleSink,
  options: ExtractOptions,
): Promise<Result<Extracted>> {
  const { where, signal } = options;
  try {
    const { start, whole } = await withStart(layer);
    // `oras push FILE` says that it is an archive.
    if (startsWith(start, WASM)) return ok(await written(sink, atMost(whole, options.moduleBytes, where)));
    const tar = boundHeaders(extract());
    const files = new WasmFiles(sink, options);
    const through = [decompressor(start), meter(options.inflatedBytes, where)].filter((stream) => stream !== undefined);
    await Promise.all([
      pipeline([Readable.from(whole, { objectMode: false }), ...through, tar], signal === undefined ? {} : { signal }),
      files.collect(tar),
    ]);
    return files.chosen();
  } catch (error) {
    if (error instanceof ExtractError) return { ok: false, error: error.failure };
    if (error instanceof Broken || isSystemError(error)) throw error;
    if (signal?.aborted) return failForNow("Canceled", `unpacking ${where} was canceled`);
    return fail("CorruptLayer", `${where} is not a readable tar archive (${messageOf(error)}); push the image again`);
  }
}

/** Most bytes of a header beside an entry's own: names and attributes. */
const MAX_LONG_HEADER = 64 * 1024;

/**
 * tar-stream takes long headers of 4 MiB, and copies what a global one says into each that follows, all in one turn: a few compressed megabytes would hold up the process for
 * minutes. No tool writes a module's layer with such headers: longer ones are refused, and what is said of all entries is not read.
 * https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_02
 */
function boundHeaders(tar: Extract): Extract {
  const reader = tar as unknown as { readonly _header: { readonly type: string }; _decodeLongHeader(bytes: Uint8Array): void };
  const decode = reader._decodeLongHeader.bind(tar);
  reader._decodeLongHeader = (bytes) => {
    if (bytes.byteLength > MAX_LONG_HEADER) throw new Error(`a header of ${bytes.byteLength} bytes`);
    if (reader._header.type !== "pax-global-header") decode(bytes);
  };
  return tar;
}

/** The first bytes, and all of them. */
async function withStart(pieces: AsyncIterable<Uint8Array>): Promise<{ start: Uint8Array; whole: AsyncIterable<Uint8Array> }> {
  const rest = pieces[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array();
  while (start.byteLength < WASM.length) {
    const { done, value } = await rest.next();
    if (done) break;
    start = start.byteLength === 0 ? value : Buffer.concat([start, value]);
  }
  const whole = async function* () {
    if (start.byteLength > 0) yield start;
    yield* { [Symbol.asyncIterator]: () => rest };
  };
  return { start, whole: whole() };
}

async function written(sink: ModuleSink, pieces: AsyncIterable<Uint8Array>): Promise<Extracted> {
  const measured = new Measured(pieces);
  await sink.write(measured);
  return { wasmDigest: measured.digest(), size: measured.size };
}

async function* atMost(pieces: AsyncIterable<Uint8Array>, limit: number, where: string): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.byteLength;
    if (size > limit) throw extractError("ModuleTooLarge", tooLarge(where, undefined, limit));
    yield piece;
  }
}

/** The `*.wasm` files of an archive. One of them is in the sink: the first that is called plugin.wasm, else the first. */
class WasmFiles {
  private readonly sink: ModuleSink;
  private readonly options: ExtractOptions;
  private readonly names: string[] = [];
  private readonly plugins: string[] = [];
  private module: Extracted | undefined;

  constructor(sink: ModuleSink, options: ExtractOptions) {
    this.sink = sink;
    this.options = options;
  }

  async collect(tar: AsyncIterable<Entry>): Promise<void> {
    for await (const entry of tar) {
      const name = safeName(entry.header, this.options.where);
      if (name.endsWith(".wasm") && entry.header.type !== "directory") await this.take(entry, name);
      else entry.resume();
    }
  }

  private async take(entry: Entry, name: string): Promise<void> {
    const { where, moduleBytes } = this.options;
    const { type, size } = entry.header;
    const what = `${where}: ${JSON.stringify(name)}`;
    if (type !== "file" && type !== "contiguous-file")
      throw extractError("UnsafeArchive", `${what} is a ${type}, not a file; build the image with the module itself there`);
    if (size > moduleBytes) throw extractError("ModuleTooLarge", tooLarge(what, size, moduleBytes));
    const isPlugin = name.split("/").at(-1) === "plugin.wasm";
    this.names.push(name);
    if (isPlugin) this.plugins.push(name);
    // Another of its kind decides only that there are several.
    const isFirst = isPlugin ? this.plugins.length === 1 : this.names.length === 1;
    if (isFirst) this.module = await written(this.sink, entry as AsyncIterable<Uint8Array>);
    else entry.resume();
  }

  chosen(): Result<Extracted> {
    const { where } = this.options;
    const claimants = this.plugins.length > 0 ? this.plugins : this.names;
    if (this.module === undefined) return fail("NoWasmFile", `${where} holds no *.wasm file; put the module there as plugin.wasm`);
    if (claimants.length === 1) return ok(this.module);
    const names = claimants.slice(0, 5).map((name) => JSON.stringify(name));
    return fail("SeveralWasmFiles", `${where} holds ${claimants.length} modules (${names.join(", ")}); keep one, as plugin.wasm`);
  }
}

/** The entry's name without a leading `./`. Refuses names that point outside the archive, although nothing is written under them. */
function safeName({ name }: Header, where: string): string {
  const unsafe = name.startsWith("/") || name.includes("\\") || name.includes("\0") || name.split("/").includes("..");
  if (unsafe)
    throw extractError(
      "UnsafeArchive",
      `${where} holds an entry named ${JSON.stringify(name.slice(0, 200))}, which points outside the archive; build the image without it`,
    );
  return name.replace(/^(?:\.\/+)+/, "");
}

function decompressor(start: Uint8Array): Transform | undefined {
  if (startsWith(start, [0x1f, 0x8b])) return createGunzip();
  if (startsWith(start, [0x28, 0xb5, 0x2f, 0xfd])) return createZstdDecompress();
  return undefined;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/** Lets `limit` bytes through and then fails. Stops archives that inflate without end. */
function meter(limit: number, where: string): Transform {
  let passed = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      passed += chunk.byteLength;
      if (passed > limit)
        done(
          extractError(
            "LayerTooLarge",
            `${where} inflates to more than ${printBytes(limit)}; keep only the module in it, or push the module itself with \`weir push\``,
          ),
        );
      else done(null, chunk);
    },
  });
}

function extractError(reason: string, message: string): ExtractError {
  return new ExtractError({ reason, message, retryable: false });
}
