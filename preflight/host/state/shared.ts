import { Status } from "../values/status.ts";

/** Key-value data that all VMs with one vm_id share, with compare-and-swap. */
export interface SharedData {
  get(key: string): { readonly value: Uint8Array; readonly cas: number } | undefined;
  /** `cas` 0 writes whatever is there. */
  set(key: string, value: Uint8Array, cas: number): number;
}

export function createSharedData(): SharedData {
  const entries = new Map<string, { value: Uint8Array; cas: number }>();
  let lastCas = 0;
  return {
    get: (key) => entries.get(key),
    set(key, value, cas) {
      const found = entries.get(key);
      if (found !== undefined && cas !== 0 && cas !== found.cas) return Status.CasMismatch;
      lastCas += 1;
      entries.set(key, { value, cas: lastCas });
      return Status.Ok;
    },
  };
}

/** Named queues between VMs; the context that registered one is told when something arrives. */
export interface SharedQueues {
  register(vmId: string, name: string, contextId: number): number;
  resolve(vmId: string, name: string): number | undefined;
  enqueue(token: number, value: Uint8Array): number;
  /** A value, or the status that says why there is none. */
  dequeue(token: number): Uint8Array | number;
  size(): number;
  /** Takes the arrivals not yet announced. */
  takeReady(): readonly { readonly contextId: number; readonly token: number }[];
}

export function createSharedQueues(): SharedQueues {
  const tokens = new Map<string, number>();
  const queues = new Map<number, { contextId: number; values: Uint8Array[] }>();
  let ready: { contextId: number; token: number }[] = [];
  const keyOf = (vmId: string, name: string): string => JSON.stringify([vmId, name]);
  return {
    register(vmId, name, contextId) {
      const key = keyOf(vmId, name);
      const token = tokens.get(key) ?? tokens.size + 1;
      tokens.set(key, token);
      queues.set(token, { contextId, values: queues.get(token)?.values ?? [] });
      return token;
    },
    resolve: (vmId, name) => tokens.get(keyOf(vmId, name)),
    enqueue(token, value) {
      const queue = queues.get(token);
      if (queue === undefined) return Status.NotFound;
      queue.values.push(value);
      ready.push({ contextId: queue.contextId, token });
      return Status.Ok;
    },
    dequeue(token) {
      const queue = queues.get(token);
      if (queue === undefined) return Status.NotFound;
      return queue.values.shift() ?? Status.Empty;
    },
    size: () => queues.size,
    takeReady() {
      const taken = ready;
      ready = [];
      return taken;
    },
  };
}
