import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { type Extract, extract, type Header } from "tar-stream";
import { messageOf } from "../../base/error.ts";
import { type Failure, fail, failForNow, ok, type Result } from "../../model/result.ts";
import { printBytes, tooLarge } from "../repository/bytes.ts";

export interface ExtractLimits {
  /** Most bytes a module may have. */
  readonly moduleBytes: number;
  /** Most bytes an archive may have once inflated. */
  readonly inflatedBytes: number;
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

interface Found {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** https://webassembly.github.io/spec/core/binary/modules.html#binary-magic */
const WASM = [0x00, 0x61, 0x73, 0x6d];

/**
 * Takes the module out of a layer that is a tar: plain, gzip or zstd. The first bytes decide which, since media types are sometimes
 * wrong about compression. The module is the file named plugin.wasm, else the only `*.wasm`; or the layer is the module itself. Works in memory, within the limits, and
 * writes nothing to disk. Fails with `NoWasmFile`, `SeveralWasmFiles`, `UnsafeArchive`, `CorruptLayer`, `ModuleTooLarge` or
 * `LayerTooLarge`. https://github.com/opencontainers/image-spec/blob/main/layer.md
 */
export async function extractModule(
  layer: Uint8Array,
  limits: ExtractLimits,
  where: string,
  signal?: AbortSignal,
): Promise<Result<Uint8Array<ArrayBuffer>>> {
  // `oras push FILE` says that it is an archive.
  if (startsWith(layer, WASM)) return wholeLayer(layer, limits.moduleBytes, where);
  const tar = extract();
  const found: Found[] = [];
  const source = Readable.from(chunks(layer));
  const through = [decompressor(layer), meter(limits.inflatedBytes, where)] as const;
  try {
    await Promise.all([
      pipeline([source, ...through.filter((stream) => stream !== undefined), tar], signal === undefined ? {} : { signal }),
      collect(tar, found, limits, where),
    ]);
  } catch (error) {
    if (error instanceof ExtractError) return { ok: false, error: error.failure };
    if (signal?.aborted) return failForNow("Canceled", `unpacking ${where} was canceled`);
    return fail("CorruptLayer", `${where} is not a readable tar archive (${messageOf(error)}); push the image again`);
  }
  return choose(found, where);
}

function wholeLayer(layer: Uint8Array, limit: number, where: string): Result<Uint8Array<ArrayBuffer>> {
  return layer.byteLength > limit ? fail("ModuleTooLarge", tooLarge(where, layer.byteLength, limit)) : ok(new Uint8Array(layer));
}

async function collect(tar: AsyncIterable<Entry>, found: Found[], limits: ExtractLimits, where: string): Promise<void> {
  for await (const entry of tar) {
    const name = safeName(entry.header, where);
    if (name.endsWith(".wasm") && entry.header.type !== "directory") {
      found.push({ name, bytes: await readModule(entry, name, limits, where) });
    } else {
      entry.resume();
    }
  }
}

async function readModule(entry: Entry, name: string, limits: ExtractLimits, where: string): Promise<Uint8Array<ArrayBuffer>> {
  const { type, size } = entry.header;
  if (type !== "file" && type !== "contiguous-file") {
    throw extractError(
      "UnsafeArchive",
      `${where}: ${JSON.stringify(name)} is a ${type}, not a file; build the image with the module itself there`,
    );
  }
  if (size > limits.moduleBytes) {
    throw extractError("ModuleTooLarge", tooLarge(`${where}: ${JSON.stringify(name)}`, size, limits.moduleBytes));
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for await (const chunk of entry as AsyncIterable<Uint8Array>) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
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

function choose(found: readonly Found[], where: string): Result<Uint8Array<ArrayBuffer>> {
  const plugins = found.filter(({ name }) => name.split("/").at(-1) === "plugin.wasm");
  const claimants = plugins.length > 0 ? plugins : found;
  const [first] = claimants;
  if (first === undefined) return fail("NoWasmFile", `${where} holds no *.wasm file; put the module there as plugin.wasm`);
  if (claimants.length === 1) return ok(first.bytes);
  const names = claimants.slice(0, 5).map(({ name }) => JSON.stringify(name));
  return fail("SeveralWasmFiles", `${where} holds ${claimants.length} modules (${names.join(", ")}); keep one, as plugin.wasm`);
}

function decompressor(layer: Uint8Array): Transform | undefined {
  if (startsWith(layer, [0x1f, 0x8b])) return createGunzip();
  if (startsWith(layer, [0x28, 0xb5, 0x2f, 0xfd])) return createZstdDecompress();
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

function* chunks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < bytes.byteLength; i += 1 << 16) yield bytes.subarray(i, i + (1 << 16));
}
