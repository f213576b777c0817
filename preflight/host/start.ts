import type { WasmBinary } from "../binary/binary.ts";
import { instantiate } from "./functions/link.ts";
import type { Context } from "./state/context.ts";
import { describeFault, faultOf } from "./state/faults.ts";
import { type Host, wasi } from "./state/host.ts";

/** Host functions that start functions may call: those that need no stream and no plugin. */
const WHILE_STARTING: ReadonlySet<string> = new Set([
  "env.emscripten_notify_memory_growth",
  "env.proxy_log",
  ...wasi("args_get", "args_sizes_get", "clock_res_get", "clock_time_get", "environ_get", "environ_sizes_get"),
  ...wasi("fd_advise", "fd_allocate", "fd_datasync", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_fdstat_set_rights"),
  ...wasi("fd_filestat_get", "fd_filestat_set_size", "fd_filestat_set_times", "fd_pread", "fd_prestat_dir_name"),
  ...wasi("fd_prestat_get", "fd_pwrite", "fd_readdir", "fd_renumber", "fd_sync", "fd_tell", "fd_write"),
  ...wasi("path_create_directory", "path_filestat_get", "path_filestat_set_times", "path_link", "path_readlink"),
  ...wasi("path_remove_directory", "path_rename", "path_symlink", "path_unlink_file", "poll_oneoff", "random_get"),
  ...wasi("sock_accept", "sock_recv", "sock_send", "sock_shutdown"),
]);

/** Why a plugin did not start. */
export interface StartProblem {
  readonly reason: "StartFailed" | "VmStartFailed" | "ConfigureFailed";
  readonly message: string;
}

/** Instantiates the module and runs its start functions, in Envoy's order: start section, `_initialize` and `main`, or `_start`. */
export function startVm(host: Host, module: WebAssembly.Module, binary: WasmBinary, maxPages: number): StartProblem | undefined {
  try {
    instantiate(host, module, binary, maxPages);
  } catch (error) {
    host.fault ??= faultOf(error, binary.hasStart ? "the start section" : "instantiation", host.options.journal.errorText());
    return { reason: "StartFailed", message: describeFault(host.fault) };
  }
  const run = (name: string, ...args: number[]): void => {
    host.callRestricted(WHILE_STARTING, host.vmContext, name, ...args);
  };
  if (host.has("_initialize")) {
    run("_initialize");
    if (host.has("main")) run("main", 0, 0);
    else if (host.has("__main_void")) run("__main_void");
  } else if (host.has("_start")) {
    run("_start");
  }
  return host.fault && { reason: "StartFailed", message: describeFault(host.fault) };
}

/**
 * Creates the plugin's root and configures it, as Envoy's canary does: `proxy_on_context_create`, `proxy_on_vm_start`, `proxy_on_configure`.
 * A fault in `proxy_on_context_create` alone does not fail the load in Envoy: it is in `host.fault`, and `problem` is `undefined`.
 */
export function startRoot(host: Host): { readonly root: Context; readonly problem: StartProblem | undefined } {
  const root = host.newContext();
  host.configurationReadable = true;
  host.call(root, "proxy_on_context_create", root.id, 0);
  host.configurationReadable = false;
  const started = host.has("proxy_on_vm_start") ? host.call(root, "proxy_on_vm_start", root.id, 0) : 1;
  host.runDeferred();
  if (!started) return { root, problem: refusal(host, "VmStartFailed", "proxy_on_vm_start") };
  if (host.fault !== undefined || !host.has("proxy_on_configure")) return { root, problem: undefined };
  host.configurationReadable = true;
  const configured = host.call(root, "proxy_on_configure", root.id, host.options.configuration.length);
  host.configurationReadable = false;
  host.runDeferred();
  return { root, problem: configured ? undefined : refusal(host, "ConfigureFailed", "proxy_on_configure") };
}

function refusal(host: Host, reason: StartProblem["reason"], callback: string): StartProblem {
  if (host.fault !== undefined) return { reason, message: describeFault(host.fault) };
  const last = host.options.journal.logs().at(-1);
  const said = last === undefined ? "it logged nothing" : `its last log line: ${last.text}`;
  const advice = reason === "ConfigureFailed" ? "; check the configuration (spec.config) against what the module expects" : "";
  return { reason, message: `${callback} returned false; ${said}${advice}` };
}
