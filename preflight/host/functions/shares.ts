import { rootOf } from "../state/context.ts";
import type { Host, HostFunction } from "../state/host.ts";
import { Status } from "../values/status.ts";

const VM_ID = "";

/** Shared data, shared queues and metrics. */
export function shareFunctions(host: Host): Record<string, HostFunction> {
  return { ...dataFunctions(host), ...queueFunctions(host), ...metricFunctions(host) };
}

function dataFunctions(host: Host): Record<string, HostFunction> {
  const { memory, sharedData } = host;
  return {
    proxy_get_shared_data(keyPointer: number, keySize: number, pointerTo: number, sizeTo: number, casTo: number) {
      const key = memory.text(keyPointer, keySize);
      if (key === undefined) return Status.InvalidMemoryAccess;
      const found = sharedData.get(key);
      if (found === undefined) return Status.NotFound;
      const written = host.give(found.value, pointerTo, sizeTo) && memory.setWord(casTo, found.cas);
      return written ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_set_shared_data(keyPointer: number, keySize: number, pointer: number, size: number, cas: number) {
      const key = memory.text(keyPointer, keySize);
      const value = memory.read(pointer, size);
      if (key === undefined || value === undefined) return Status.InvalidMemoryAccess;
      host.charge(key.length);
      return sharedData.set(key, value, cas);
    },
  };
}

function queueFunctions(host: Host): Record<string, HostFunction> {
  const { memory, queues } = host;
  return {
    proxy_register_shared_queue(namePointer: number, nameSize: number, tokenTo: number) {
      const name = memory.text(namePointer, nameSize);
      if (name === undefined) return Status.InvalidMemoryAccess;
      host.charge(name.length);
      const token = queues.register(VM_ID, name, rootOf(host.context()).id);
      return memory.setWord(tokenTo, token) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_resolve_shared_queue(vmPointer: number, vmSize: number, namePointer: number, nameSize: number, tokenTo: number) {
      const vmId = memory.text(vmPointer, vmSize);
      const name = memory.text(namePointer, nameSize);
      if (vmId === undefined || name === undefined) return Status.InvalidMemoryAccess;
      const token = queues.resolve(vmId, name);
      if (token === undefined) return Status.NotFound;
      return memory.setWord(tokenTo, token) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_enqueue_shared_queue(token: number, pointer: number, size: number) {
      const value = memory.read(pointer, size);
      if (value === undefined) return Status.InvalidMemoryAccess;
      return queues.enqueue(token, value);
    },
    proxy_dequeue_shared_queue(token: number, pointerTo: number, sizeTo: number) {
      const value = queues.dequeue(token);
      if (typeof value === "number") return value;
      return host.give(value, pointerTo, sizeTo) ? Status.Ok : Status.InvalidMemoryAccess;
    },
  };
}

function metricFunctions(host: Host): Record<string, HostFunction> {
  const { memory, metrics } = host;
  return {
    proxy_define_metric(type: number, namePointer: number, nameSize: number, idTo: number) {
      const name = memory.text(namePointer, nameSize);
      if (name === undefined) return Status.InvalidMemoryAccess;
      host.charge(name.length);
      const id = metrics.define(type, name);
      if (id === undefined) return Status.BadArgument;
      return memory.setWord(idTo, id) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_increment_metric: (id: number, offset: bigint) => metrics.increment(id, BigInt.asIntN(64, offset)),
    proxy_record_metric: (id: number, value: bigint) => metrics.record(id, BigInt.asUintN(64, value)),
    proxy_get_metric(id: number, resultTo: number) {
      const value = metrics.get(id);
      if (typeof value === "number") return value;
      return memory.setLong(resultTo, value) ? Status.Ok : Status.InvalidMemoryAccess;
    },
  };
}
