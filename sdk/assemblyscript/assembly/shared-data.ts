import { proxy_get_shared_data, proxy_set_shared_data } from "./abi/imports";
import { at, CELL, SIZE, THIRD, takeBytes } from "./abi/memory";
import { Status } from "./abi/types";
import { textOf, utf8 } from "./abi/utf8";

/** A value and the number of its version. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_get_shared_data */
export class SharedValue {
  constructor(
    public bytes: ArrayBuffer,
    /** Give it to `sharedData.set` to set only what nobody changed since. */
    public cas: u32,
  ) {}

  /** The value as text. */
  text(): string {
    return textOf(at(this.bytes), this.bytes.byteLength);
  }
}

/**
 * Values that all VMs of the same `vm_id` in one proxy share: each worker thread has a VM of its own, and their memories are apart.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#shared-key-value-store
 */
export namespace sharedData {
  /** Null: there is nothing under this key. `proxy_get_shared_data` */
  export function get(key: string): SharedValue | null {
    const name = utf8(key);
    if (proxy_get_shared_data(at(name), name.byteLength, CELL, SIZE, THIRD) != Status.Ok) return null;
    const cas = load<u32>(THIRD);
    return new SharedValue(takeBytes(), cas);
  }

  /** Sets a value. `cas`: of the value that was read; CasMismatch when another VM was faster: read again. 0: whatever is there. `proxy_set_shared_data` */
  export function set(key: string, value: ArrayBuffer, cas: u32 = 0): Status {
    const name = utf8(key);
    return proxy_set_shared_data(at(name), name.byteLength, at(value), value.byteLength, cas);
  }

  /** As `set`, in UTF-8. */
  export function setText(key: string, value: string, cas: u32 = 0): Status {
    return set(key, utf8(value), cas);
  }
}
