// Adds `x-hello` to every response; the configuration is its value, "world" without one.
// There is one value in a VM. Weir gives every filter a VM of its own.
const std = @import("std");

const ok = 0;
const action_continue = 0;
const map_response_headers = 2;
const buffer_plugin_configuration = 7;

extern "env" fn proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, data: *[*]u8, size: *usize) u32;
extern "env" fn proxy_add_header_map_value(map: u32, key: [*]const u8, key_size: usize, value: [*]const u8, value_size: usize) u32;

const allocator = std.heap.wasm_allocator;
const header = "x-hello";
var configured: ?[]u8 = null;

export fn proxy_abi_version_0_2_1() void {}

export fn proxy_on_memory_allocate(size: usize) ?[*]u8 {
    const memory = allocator.alloc(u8, size) catch return null;
    return memory.ptr;
}

export fn proxy_on_context_create(_: u32, _: u32) void {}

export fn proxy_on_vm_start(_: u32, _: u32) bool {
    return true;
}

// False refuses the configuration; the proxy then keeps what it ran before.
export fn proxy_on_configure(_: u32, size: u32) bool {
    if (configured) |old| allocator.free(old);
    configured = null;
    if (size == 0) return true;
    var data: [*]u8 = undefined;
    var length: usize = 0;
    if (proxy_get_buffer_bytes(buffer_plugin_configuration, 0, size, &data, &length) != ok) return false;
    configured = data[0..length];
    return true;
}

export fn proxy_on_response_headers(_: u32, _: u32, _: u32) u32 {
    const value: []const u8 = configured orelse "world";
    _ = proxy_add_header_map_value(map_response_headers, header, header.len, value.ptr, value.len);
    return action_continue;
}

export fn proxy_on_done(_: u32) bool {
    return true;
}

export fn proxy_on_delete(_: u32) void {}
