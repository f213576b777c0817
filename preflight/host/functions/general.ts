import { attributesOf } from "../state/attributes.ts";
import { rootOf } from "../state/context.ts";
import type { Host, HostFunction } from "../state/host.ts";
import { readProperty } from "../values/properties.ts";
import { LOG_LEVELS, Status } from "../values/status.ts";
import { foreignFunction } from "./foreign.ts";

/** Envoy's default level. */
const INFO = 2;

/** Logs, clocks, timers, properties, configuration and the life cycle. */
export function generalFunctions(host: Host): Record<string, HostFunction> {
  return { ...pluginFunctions(host), ...propertyFunctions(host), ...foreignFunctions(host), ...toolchainFunctions(host) };
}

function pluginFunctions(host: Host): Record<string, HostFunction> {
  const { memory, options } = host;
  return {
    proxy_log(level: number, pointer: number, size: number) {
      const name = LOG_LEVELS[level];
      if (name === undefined) return Status.BadArgument;
      const text = memory.beginning(pointer, size);
      if (text === undefined) return Status.InvalidMemoryAccess;
      host.charge(text.length);
      options.journal.log(name, text);
      return Status.Ok;
    },
    proxy_get_log_level: (result: number) => (memory.setWord(result, INFO) ? Status.Ok : Status.InvalidMemoryAccess),
    proxy_get_current_time_nanoseconds: (result: number) =>
      memory.setLong(result, options.now()) ? Status.Ok : Status.InvalidMemoryAccess,
    proxy_set_tick_period_milliseconds(period: number) {
      host.timers.set(rootOf(host.context()).id, period, options.now());
      if (period > 0) options.journal.note(`ticks every ${period} ms`);
      return Status.Ok;
    },
    proxy_get_status(codeTo: number, pointerTo: number, sizeTo: number) {
      const { status } = rootOf(host.context());
      const written = memory.setWord(codeTo, status.code) && host.give(Buffer.from(status.message), pointerTo, sizeTo);
      return written ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_get_configuration: (pointerTo: number, sizeTo: number) =>
      host.give(host.configurationReadable ? options.configuration : new Uint8Array(), pointerTo, sizeTo)
        ? Status.Ok
        : Status.InvalidMemoryAccess,
    proxy_set_effective_context: (id: number) => (host.setEffective(id) ? Status.Ok : Status.BadArgument),
    /** Valid only in a root that is shutting down. The sandbox never waits for one. */
    proxy_done: () => Status.NotFound,
  };
}

function propertyFunctions(host: Host): Record<string, HostFunction> {
  const { memory } = host;
  return {
    proxy_get_property(pathPointer: number, pathSize: number, pointerTo: number, sizeTo: number) {
      const path = memory.text(pathPointer, pathSize);
      if (path === undefined) return Status.InvalidMemoryAccess;
      const value = lookUp(host, path);
      if (value === undefined) return Status.NotFound;
      if (value === "opaque") return Status.SerializationFailure;
      return host.give(value, pointerTo, sizeTo) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_set_property(pathPointer: number, pathSize: number, pointer: number, size: number) {
      const path = memory.text(pathPointer, pathSize);
      const value = memory.read(pointer, size);
      if (path === undefined || value === undefined) return Status.InvalidMemoryAccess;
      const context = host.context();
      if (context.stream === undefined) return Status.NotFound;
      host.charge(path.length);
      context.state.set(path, value);
      return Status.Ok;
    },
  };
}

function foreignFunctions(host: Host): Record<string, HostFunction> {
  const { memory } = host;
  return {
    proxy_call_foreign_function(namePointer: number, nameSize: number, pointer: number, size: number, pointerTo: number, sizeTo: number) {
      const name = memory.text(namePointer, nameSize);
      const argument = memory.read(pointer, size);
      if (name === undefined || argument === undefined) return Status.InvalidMemoryAccess;
      const run = foreignFunction(host, name);
      if (run === undefined) return Status.NotFound;
      const answer = run(argument);
      const result = answer.result ?? new Uint8Array();
      host.charge(result.length);
      if (pointerTo !== 0) {
        const address = answer.result === undefined ? 0 : host.allocate(result.length);
        if (address !== 0 && !memory.write(address, result)) return Status.InvalidMemoryAccess;
        if (!memory.setWord(pointerTo, address)) return Status.InvalidMemoryAccess;
      }
      if (sizeTo !== 0 && !memory.setWord(sizeTo, result.length)) return Status.InvalidMemoryAccess;
      return answer.status;
    },
  };
}

/** Functions of toolchains and of Envoy itself, which are not part of proxy-wasm. */
function toolchainFunctions({ memory }: Host): Record<string, HostFunction> {
  let dnsTokens = 1;
  return {
    pthread_equal: (left: number, right: number) => (left === right ? 1 : 0),
    emscripten_notify_memory_growth: () => undefined,
    /** Envoy resolves in the background. The sandbox resolves nothing, so no answer comes. */
    envoy_resolve_dns: (_pointer: number, _size: number, tokenTo: number) => {
      dnsTokens += 1;
      return memory.setWord(tokenTo, dnsTokens) ? Status.Ok : Status.InvalidMemoryAccess;
    },
  };
}

/** Attributes first, then what the plugin itself set under this name. */
function lookUp(host: Host, path: string): Uint8Array | "opaque" | undefined {
  const context = host.context();
  const first = path.split("\0")[0] ?? "";
  return readProperty(attributesOf(host.options, context), path) ?? context.state.get(first);
}
