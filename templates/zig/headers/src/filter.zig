//! Adds the header x-hello to every response. The configuration is its value; without one it is "world".
const proxy = @import("proxy_wasm.zig");

/// Null: nothing is configured. One value is enough: the proxy gives each filter a virtual machine of its own.
var configured: ?[]u8 = null;

/// Line breaks and other control characters in a header would let a value forge headers of its own.
fn isHeaderValue(text: []const u8) bool {
    for (text) |c| if ((c < 0x20 and c != '\t') or c == 0x7f) return false;
    return true;
}

/// Without this function the proxy does not know which ABI the module speaks.
export fn proxy_abi_version_0_2_1() void {}

/// The proxy asks here for the memory of what it hands over.
export fn proxy_on_memory_allocate(size: usize) ?[*]u8 {
    const memory = proxy.allocator.alloc(u8, size) catch return null;
    return memory.ptr;
}

export fn proxy_on_context_create(_: u32, _: u32) void {}

export fn proxy_on_vm_start(_: u32, _: usize) bool {
    return true;
}

/// False refuses the configuration: the proxy keeps what it ran before. The log says why.
export fn proxy_on_configure(_: u32, size: usize) bool {
    if (configured) |old| proxy.allocator.free(old);
    configured = null;
    if (size == 0) return true;
    const text = proxy.bytes(.plugin_configuration, 0, size) orelse return false;
    if (isHeaderValue(text)) {
        configured = text;
        return true;
    }
    proxy.allocator.free(text);
    proxy.log(.err, "configuration: the value of a header has no line breaks and no other control characters");
    return false;
}

export fn proxy_on_response_headers(_: u32, _: u32, _: bool) proxy.Action {
    _ = proxy.addHeader(.response_headers, "x-hello", configured orelse "world");
    return .@"continue";
}

export fn proxy_on_done(_: u32) bool {
    return true;
}

export fn proxy_on_delete(_: u32) void {}
