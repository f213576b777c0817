import { ProxyCrash } from "./faults.ts";

/** The plugin's memory as the host sees it. Every access is checked; what is outside comes back as `undefined` or `false`. */
export interface GuestMemory {
  /** A copy of `size` bytes. */
  read(pointer: number, size: number): Uint8Array | undefined;
  text(pointer: number, size: number): string | undefined;
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

export function createGuestMemory(): GuestMemory {
  let memory: WebAssembly.Memory | undefined;
  const view = (pointer: number, size: number): Buffer | undefined => {
    if (memory === undefined) throw new ProxyCrash("a host function needs the module's memory, and the module has none to offer");
    const { buffer } = memory;
    return pointer + size > buffer.byteLength ? undefined : Buffer.from(buffer, pointer, size);
  };
  return {
    read(pointer, size) {
      const found = view(pointer, size);
      return found && Uint8Array.from(found);
    },
    text: (pointer, size) => view(pointer, size)?.toString("utf8"),
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
