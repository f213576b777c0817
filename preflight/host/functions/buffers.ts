import type { BodyBuffer } from "../state/context.ts";
import { rootOf } from "../state/context.ts";
import type { Host, HostFunction } from "../state/host.ts";
import { BufferType, Status } from "../values/status.ts";

const MAX_TYPE = BufferType.CallData;

/** Bodies, messages and configuration as byte buffers. */
export function bufferFunctions(host: Host): Record<string, HostFunction> {
  const { memory } = host;
  return {
    proxy_get_buffer_bytes(type: number, start: number, length: number, pointerTo: number, sizeTo: number) {
      if (type > MAX_TYPE) return Status.BadArgument;
      const buffer = bufferOf(host, type);
      if (buffer === undefined) return Status.NotFound;
      const part = buffer.bytes.subarray(Math.min(start, buffer.bytes.length), Math.min(start + length, buffer.bytes.length));
      return host.give(part, pointerTo, sizeTo) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_get_buffer_status(type: number, lengthTo: number, flagsTo: number) {
      if (type > MAX_TYPE) return Status.BadArgument;
      const buffer = bufferOf(host, type);
      if (buffer === undefined) return Status.NotFound;
      const written = memory.setWord(lengthTo, buffer.bytes.length) && memory.setWord(flagsTo, 0);
      return written ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_set_buffer_bytes(type: number, start: number, length: number, pointer: number, size: number) {
      if (type > MAX_TYPE) return Status.BadArgument;
      const buffer = bufferOf(host, type);
      if (buffer === undefined) return Status.NotFound;
      const data = memory.read(pointer, size);
      if (data === undefined) return Status.InvalidMemoryAccess;
      if (!buffer.writable) return Status.BadArgument;
      host.charge(buffer.bytes.length);
      return splice(buffer, start, length, data);
    },
  };
}

/** What Envoy allows: prepend (0, 0), append (at the end or after it), and replace everything (0, at least the length). */
function splice(buffer: BodyBuffer, start: number, length: number, data: Uint8Array): number {
  const { bytes } = buffer;
  if (start === 0 && length === 0) buffer.bytes = Buffer.concat([data, bytes]);
  else if (start === 0 && length >= bytes.length) buffer.bytes = data;
  else if (start !== 0 && start >= bytes.length) buffer.bytes = Buffer.concat([bytes, data]);
  else return Status.BadArgument;
  return Status.Ok;
}

function bufferOf(host: Host, type: number): BodyBuffer | undefined {
  const context = host.context();
  switch (type) {
    case BufferType.VmConfiguration:
      return { bytes: new Uint8Array(), writable: false };
    case BufferType.PluginConfiguration:
      return host.configurationReadable ? { bytes: host.options.configuration, writable: false } : undefined;
    case BufferType.CallResponseBody:
    case BufferType.GrpcMessage:
      return (
        rootOf(context).buffers.get(type) ?? (type === BufferType.GrpcMessage ? { bytes: new Uint8Array(), writable: false } : undefined)
      );
    default:
      return context.buffers.get(type) ?? { bytes: new Uint8Array(), writable: false };
  }
}
