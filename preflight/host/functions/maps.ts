import type { Host, HostFunction } from "../state/host.ts";
import { createHeaderMap, decodePairs, encodePairs, type HeaderMap } from "../values/headers.ts";
import { BufferType, MapType, Status } from "../values/status.ts";

const MAX_TYPE = MapType.CallResponseTrailers;

/** Header and trailer maps. The running callback decides which maps can be used. */
export function mapFunctions(host: Host): Record<string, HostFunction> {
  const { memory } = host;
  return {
    proxy_get_header_map_value(type: number, keyPointer: number, keySize: number, pointerTo: number, sizeTo: number) {
      if (type > MAX_TYPE) return Status.BadArgument;
      const key = memory.text(keyPointer, keySize);
      if (key === undefined) return Status.InvalidMemoryAccess;
      const map = host.readMap(type);
      if (map === undefined && host.context().logMaps === undefined) return Status.BadArgument;
      const value = map?.get(key) ?? (host.options.abi === "0.1.0" ? "" : undefined);
      if (value === undefined) return Status.NotFound;
      return host.give(Buffer.from(value), pointerTo, sizeTo) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_get_header_map_pairs(type: number, pointerTo: number, sizeTo: number) {
      if (type > MAX_TYPE) return Status.BadArgument;
      const pairs = host.readMap(type)?.pairs() ?? [];
      const data = pairs.length === 0 ? new Uint8Array() : encodePairs(pairs);
      return host.give(data, pointerTo, sizeTo) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_get_header_map_size(type: number, resultTo: number) {
      if (type > MAX_TYPE) return Status.BadArgument;
      const map = writableMap(host, type);
      if (map === undefined) return Status.BadArgument;
      return memory.setWord(resultTo, map.byteSize()) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_add_header_map_value: (type: number, keyPointer: number, keySize: number, pointer: number, size: number) =>
      setValue(host, "add", type, [keyPointer, keySize], [pointer, size]),
    proxy_replace_header_map_value: (type: number, keyPointer: number, keySize: number, pointer: number, size: number) =>
      setValue(host, "replace", type, [keyPointer, keySize], [pointer, size]),
    proxy_remove_header_map_value(type: number, keyPointer: number, keySize: number) {
      if (type > MAX_TYPE) return Status.BadArgument;
      const key = memory.text(keyPointer, keySize);
      if (key === undefined) return Status.InvalidMemoryAccess;
      const map = writableMap(host, type);
      if (map === undefined) return Status.BadArgument;
      map.remove(key);
      return Status.Ok;
    },
    proxy_set_header_map_pairs(type: number, pointer: number, size: number) {
      if (type > MAX_TYPE) return Status.BadArgument;
      const data = memory.read(pointer, size);
      if (data === undefined) return Status.InvalidMemoryAccess;
      const map = writableMap(host, type);
      if (map === undefined) return Status.BadArgument;
      map.assign(decodePairs(data));
      return Status.Ok;
    },
  };
}

type Span = readonly [pointer: number, size: number];

function setValue(host: Host, how: "add" | "replace", type: number, key: Span, value: Span): number {
  if (type > MAX_TYPE) return Status.BadArgument;
  const name = host.memory.text(...key);
  const text = host.memory.text(...value);
  if (name === undefined || text === undefined) return Status.InvalidMemoryAccess;
  const map = writableMap(host, type);
  if (map === undefined) return Status.BadArgument;
  host.charge(name.length + text.length);
  map[how](name, text);
  return Status.Ok;
}

/** Only the four maps of the stream can be written. Trailers are made when the last body callback asks for them. */
function writableMap(host: Host, type: number): HeaderMap | undefined {
  if (type > MapType.ResponseTrailers) return undefined;
  const { maps, buffers, endOfStream } = host.context();
  const body = type === MapType.RequestTrailers ? BufferType.RequestBody : BufferType.ResponseBody;
  const isTrailers = type === MapType.RequestTrailers || type === MapType.ResponseTrailers;
  if (isTrailers && !maps.has(type) && endOfStream && buffers.has(body)) maps.set(type, createHeaderMap());
  return maps.get(type);
}
