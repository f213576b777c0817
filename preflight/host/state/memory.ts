import { HostLimit, ProxyCrash } from "./faults.ts";

/**
 * The plugin's memory as the host sees it. Every access is checked; what is outside comes back as `undefined` or `false`. Sizes come from the plugin, so
 * whatever leaves its memory is counted or bounded before it is copied.
 */
export interface GuestMemory {
  /** A copy of `size` bytes, which are charged to the plugin. Throws HostLimit when it has handed over too many. */
  read(pointer: number, size: number): Uint8Array | undefined;
  /** A name, a path or a header, at most 1 MiB: throws HostLimit beyond that. Charge what is kept of it. */
  text(pointer: number, size: number): string | undefined;
  /** As `text`, of any size, and only its beginning: at least as much as a log keeps of it. */
  beginning(pointer: number, size: number): string | undefined;
  word(pointer: number): number | undefined;
  write(pointer: number, data: Uint8Array): boolean;
  setWord(pointer: number, value: number): boolean;
  setLong(pointer: number, value: bigint): boolean;
  /** In pages of 64 KiB. */
  pages(): number;
  /** Known once the module is instantiated; before that (in its start section) a host function that needs it crashes Envoy. */
  attach(memory: WebAssembly.Memory | undefined): void;
}

const PAGE = 65_536;
/** Longest text in bytes: as much as Envoy takes of a whole header map (`PROXY_WASM_HOST_PAIRS_MAX_BYTES`). */
const MAX_TEXT = 1024 * 1024;
/** Bytes of a log line that are decoded: more than a line of the journal keeps. */
const MAX_BEGINNING = 4096;

/** `charge` counts bytes that the host takes over; it throws HostLimit when there are too many. */
export function createGuestMemory(charge: (bytes: number) => void): GuestMemory {
  let memory: WebAssembly.Memory | undefined;
  const view = (pointer: number, size: number): Buffer | undefined => {
    if (memory === undefined) throw new ProxyCrash("a host function needs the module's memory, and the module has none to offer");
    const { buffer } = memory;
    return pointer + size > buffer.byteLength ? undefined : Buffer.from(buffer, pointer, size);
  };
  return {
    read(pointer, size) {
      const found = view(pointer, size);
      if (found === undefined) return undefined;
      charge(size);
      return Uint8Array.from(found);
    },
    text(pointer, size) {
      const found = view(pointer, size);
      if (size > MAX_TEXT) throw new HostLimit(`the plugin handed the host a text of ${size} bytes; the sandbox takes ${MAX_TEXT}`);
      return found?.toString("utf8");
    },
    beginning: (pointer, size) => view(pointer, size)?.toString("utf8", 0, MAX_BEGINNING),
    word: (pointer) => view(pointer, 4)?.readUInt32LE(0),
    write(pointer, data) {
      const target = view(pointer, data.length);
      target?.set(data);
      return target !== undefined;
    },
    setWord(pointer, value) {
      const target = view(pointer, 4);
      target?.writeUInt32LE(value >>> 0, 0);
      return target !== undefined;
    },
    setLong(pointer, value) {
      const target = view(pointer, 8);
      target?.writeBigUInt64LE(BigInt.asUintN(64, value), 0);
      return target !== undefined;
    },
    pages: () => (memory?.buffer.byteLength ?? 0) / PAGE,
    attach(found) {
      memory = found;
    },
  };
}
