import {
  proxy_dequeue_shared_queue,
  proxy_enqueue_shared_queue,
  proxy_register_shared_queue,
  proxy_resolve_shared_queue,
} from "./abi/imports";
import { at, CELL, SIZE, takeBytes } from "./abi/memory";
import { Status } from "./abi/types";
import { utf8 } from "./abi/utf8";

/**
 * A queue between VMs of one proxy. Who registered it gets `onQueueReady` when something arrives.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#shared-queues
 */
export class SharedQueue {
  constructor(
    /** What `onQueueReady` gives. */
    public id: u32,
  ) {}

  /** The queue of this name of this `vm_id`, made when it is not there. Null: the proxy refused. `proxy_register_shared_queue` */
  static register(name: string): SharedQueue | null {
    const text = utf8(name);
    return proxy_register_shared_queue(at(text), text.byteLength, CELL) == Status.Ok ? new SharedQueue(load<u32>(CELL)) : null;
  }

  /** Another's queue, for writing. Null: nobody has registered it. `proxy_resolve_shared_queue` */
  static find(vmId: string, name: string): SharedQueue | null {
    const vm = utf8(vmId);
    const text = utf8(name);
    const status = proxy_resolve_shared_queue(at(vm), vm.byteLength, at(text), text.byteLength, CELL);
    return status == Status.Ok ? new SharedQueue(load<u32>(CELL)) : null;
  }

  /** Adds a value at the end. `proxy_enqueue_shared_queue` */
  push(value: ArrayBuffer): Status {
    return proxy_enqueue_shared_queue(this.id, at(value), value.byteLength);
  }

  /** The oldest, which is gone from the queue then. Null: it is empty. Another worker may have been faster. `proxy_dequeue_shared_queue` */
  pop(): ArrayBuffer | null {
    return proxy_dequeue_shared_queue(this.id, CELL, SIZE) == Status.Ok ? takeBytes() : null;
  }
}
