import type { FunctionType, ValueType } from "../binary/types.ts";

/**
 * The proxy-wasm ABI as Envoy 1.40 offers it: which functions a module may import, which of its exports Envoy calls, with their types.
 * Signatures are written `params:results`, i = i32, I = i64. https://github.com/proxy-wasm/spec
 */
export type AbiVersion = "0.1.0" | "0.2.0" | "0.2.1";

/** A module tells its ABI version by exporting a function of this name. */
export const ABI_MARKERS: ReadonlyMap<string, AbiVersion> = new Map([
  ["proxy_abi_version_0_1_0", "0.1.0"],
  ["proxy_abi_version_0_2_0", "0.2.0"],
  ["proxy_abi_version_0_2_1", "0.2.1"],
]);

const PROXY = signatures({
  proxy_log: "iii:i",
  proxy_get_status: "iii:i",
  proxy_set_property: "iiii:i",
  proxy_get_property: "iiii:i",
  proxy_send_local_response: "iiiiiiii:i",
  proxy_get_shared_data: "iiiii:i",
  proxy_set_shared_data: "iiiii:i",
  proxy_register_shared_queue: "iii:i",
  proxy_resolve_shared_queue: "iiiii:i",
  proxy_dequeue_shared_queue: "iii:i",
  proxy_enqueue_shared_queue: "iii:i",
  proxy_get_header_map_value: "iiiii:i",
  proxy_add_header_map_value: "iiiii:i",
  proxy_replace_header_map_value: "iiiii:i",
  proxy_remove_header_map_value: "iii:i",
  proxy_get_header_map_pairs: "iii:i",
  proxy_set_header_map_pairs: "iii:i",
  proxy_get_header_map_size: "ii:i",
  proxy_get_buffer_status: "iii:i",
  proxy_get_buffer_bytes: "iiiii:i",
  proxy_set_buffer_bytes: "iiiii:i",
  proxy_http_call: "iiiiiiiiii:i",
  proxy_grpc_call: "iiiiiiiiiiii:i",
  proxy_grpc_stream: "iiiiiiiii:i",
  proxy_grpc_close: "i:i",
  proxy_grpc_cancel: "i:i",
  proxy_grpc_send: "iiii:i",
  proxy_set_tick_period_milliseconds: "i:i",
  proxy_get_current_time_nanoseconds: "i:i",
  proxy_define_metric: "iiii:i",
  proxy_increment_metric: "iI:i",
  proxy_record_metric: "iI:i",
  proxy_get_metric: "ii:i",
  proxy_set_effective_context: "i:i",
  proxy_done: ":i",
  proxy_call_foreign_function: "iiiiii:i",
});

const PROXY_BY_ABI: Readonly<Record<AbiVersion, ReadonlyMap<string, FunctionType>>> = {
  "0.1.0": signatures({
    proxy_get_configuration: "ii:i",
    proxy_continue_request: ":i",
    proxy_continue_response: ":i",
    proxy_clear_route_cache: ":i",
  }),
  "0.2.0": signatures({ proxy_continue_stream: "i:i", proxy_close_stream: "i:i" }),
  "0.2.1": signatures({ proxy_continue_stream: "i:i", proxy_close_stream: "i:i", proxy_get_log_level: "i:i" }),
};

/** Functions of `env` that belong to toolchains or to Envoy itself. Capabilities do not restrict them. */
const ENV_OTHER = signatures({ pthread_equal: "ii:i", emscripten_notify_memory_growth: "i:", envoy_resolve_dns: "iii:i" });

/** Offered under both `wasi_snapshot_preview1` and `wasi_unstable`. path_link and path_symlink lack a parameter of WASI's, as in Envoy. */
const WASI = signatures({
  args_get: "ii:i",
  args_sizes_get: "ii:i",
  clock_res_get: "ii:i",
  clock_time_get: "iIi:i",
  environ_get: "ii:i",
  environ_sizes_get: "ii:i",
  fd_advise: "iIIi:i",
  fd_allocate: "iII:i",
  fd_close: "i:i",
  fd_datasync: "i:i",
  fd_fdstat_get: "ii:i",
  fd_fdstat_set_flags: "ii:i",
  fd_fdstat_set_rights: "iII:i",
  fd_filestat_get: "ii:i",
  fd_filestat_set_size: "iI:i",
  fd_filestat_set_times: "iIIi:i",
  fd_pread: "iiiIi:i",
  fd_prestat_dir_name: "iii:i",
  fd_prestat_get: "ii:i",
  fd_pwrite: "iiiIi:i",
  fd_read: "iiii:i",
  fd_readdir: "iiiIi:i",
  fd_renumber: "ii:i",
  fd_seek: "iIii:i",
  fd_sync: "i:i",
  fd_tell: "ii:i",
  fd_write: "iiii:i",
  path_create_directory: "iii:i",
  path_filestat_get: "iiiii:i",
  path_filestat_set_times: "iiiiIIi:i",
  path_link: "iiiiii:i",
  path_open: "iiiiiIIii:i",
  path_readlink: "iiiiii:i",
  path_remove_directory: "iii:i",
  path_rename: "iiiiii:i",
  path_symlink: "iiii:i",
  path_unlink_file: "iii:i",
  poll_oneoff: "iiii:i",
  proc_exit: "i:",
  random_get: "ii:i",
  sched_yield: ":i",
  sock_accept: "iii:i",
  sock_recv: "iiiiii:i",
  sock_send: "iiiii:i",
  sock_shutdown: "ii:i",
});

export const WASI_MODULES: ReadonlySet<string> = new Set(["wasi_snapshot_preview1", "wasi_unstable"]);

/** Exports that Envoy calls if they are there. A wrong type fails the load. Capabilities restrict them. */
const CALLBACKS = signatures({
  proxy_validate_configuration: "ii:i",
  proxy_on_vm_start: "ii:i",
  proxy_on_configure: "ii:i",
  proxy_on_tick: "i:",
  proxy_on_context_create: "ii:",
  proxy_on_new_connection: "i:i",
  proxy_on_downstream_data: "iii:i",
  proxy_on_upstream_data: "iii:i",
  proxy_on_downstream_connection_close: "ii:",
  proxy_on_upstream_connection_close: "ii:",
  proxy_on_request_body: "iii:i",
  proxy_on_request_trailers: "ii:i",
  proxy_on_request_metadata: "ii:i",
  proxy_on_response_body: "iii:i",
  proxy_on_response_trailers: "ii:i",
  proxy_on_response_metadata: "ii:i",
  proxy_on_http_call_response: "iiiii:",
  proxy_on_grpc_receive: "iii:",
  proxy_on_grpc_close: "iii:",
  proxy_on_grpc_receive_initial_metadata: "iii:",
  proxy_on_grpc_receive_trailing_metadata: "iii:",
  proxy_on_queue_ready: "ii:",
  proxy_on_done: "i:i",
  proxy_on_log: "i:",
  proxy_on_delete: "i:",
});

const HEADERS_01 = signatures({ proxy_on_request_headers: "ii:i", proxy_on_response_headers: "ii:i" });
const HEADERS_02 = signatures({
  proxy_on_request_headers: "iii:i",
  proxy_on_response_headers: "iii:i",
  proxy_on_foreign_function: "iii:",
});

/** Entry points, which capabilities do not restrict. `main` and `__main_void` count only beside `_initialize`. */
const ENTRY_POINTS = signatures({
  _initialize: ":",
  _start: ":",
  main: "ii:i",
  __main_void: ":i",
  malloc: "i:i",
  proxy_on_memory_allocate: "i:i",
  envoy_on_resolve_dns: "iii:",
  envoy_on_stats_update: "ii:",
});

/** The type of the host function that Envoy offers under this name, or `undefined` when it offers none. */
export function hostFunction(abi: AbiVersion, module: string, name: string): FunctionType | undefined {
  if (WASI_MODULES.has(module)) return WASI.get(name);
  if (module !== "env") return undefined;
  return PROXY.get(name) ?? PROXY_BY_ABI[abi].get(name) ?? ENV_OTHER.get(name);
}

/** Every host function of this ABI version, as module and name. */
export function hostFunctions(abi: AbiVersion): { module: string; name: string; type: FunctionType }[] {
  const env = [PROXY, PROXY_BY_ABI[abi], ENV_OTHER].flatMap((table) => [...table]);
  const wasi = [...WASI_MODULES].flatMap((module) => [...WASI].map(([name, type]) => ({ module, name, type })));
  return [...env.map(([name, type]) => ({ module: "env", name, type })), ...wasi];
}

/** The type that Envoy wants of this export, or `undefined` when Envoy ignores it. */
export function callback(abi: AbiVersion, name: string): FunctionType | undefined {
  return CALLBACKS.get(name) ?? (abi === "0.1.0" ? HEADERS_01 : HEADERS_02).get(name) ?? ENTRY_POINTS.get(name);
}

/** True for names that Envoy's `allowed_capabilities` restricts. */
export function isCapability(name: string): boolean {
  return name.startsWith("proxy_") ? name !== "proxy_on_memory_allocate" && !ABI_MARKERS.has(name) : WASI.has(name);
}

function signatures(table: Readonly<Record<string, string>>): ReadonlyMap<string, FunctionType> {
  const letters = (text: string): ValueType[] => [...text].map((letter) => (letter === "I" ? "i64" : "i32"));
  return new Map(
    Object.entries(table).map(([name, signature]) => {
      const [params = "", results = ""] = signature.split(":");
      return [name, { params: letters(params), results: letters(results) }];
    }),
  );
}
