//! Lets only requests with a known token pass. Others are answered with 401; no other service is asked.
//! Configuration: {"tokens": ["..."]}. Requests bring one of them: "authorization: Bearer ...".
const std = @import("std");
const proxy = @import("proxy_wasm.zig");

const Configuration = struct { tokens: []const []const u8 = &.{} };

const scheme = "bearer";

/// The configuration with all that belongs to it, freed at once when another one comes.
var configuration: ?std.json.Parsed(Configuration) = null;

fn refuse(comptime why: []const u8) bool {
    proxy.log(.err, "configuration: " ++ why);
    return false;
}

/// How long it takes tells nothing of the bytes: guessing a token byte by byte is of no use. The size is no secret.
fn isSame(a: []const u8, b: []const u8) bool {
    if (a.len != b.len) return false;
    var difference: u8 = 0;
    for (a, b) |x, y| difference |= x ^ y;
    return difference == 0;
}

/// `value`: of the header authorization. The scheme's case does not matter (RFC 9110, section 11.1).
fn isAllowed(value: []const u8) bool {
    const tokens = (configuration orelse return false).value.tokens;
    if (value.len <= scheme.len or value[scheme.len] != ' ') return false;
    if (!std.ascii.eqlIgnoreCase(value[0..scheme.len], scheme)) return false;
    var found = false;
    for (tokens) |token| found = isSame(token, value[scheme.len + 1 ..]) or found;
    return found;
}

export fn proxy_abi_version_0_2_1() void {}

export fn proxy_on_memory_allocate(size: usize) ?[*]u8 {
    const memory = proxy.allocator.alloc(u8, size) catch return null;
    return memory.ptr;
}

export fn proxy_on_context_create(_: u32, _: u32) void {}

export fn proxy_on_vm_start(_: u32, _: usize) bool {
    return true;
}

/// False refuses the configuration: the proxy keeps what it ran before. The log says why, and never quotes a token.
export fn proxy_on_configure(_: u32, size: usize) bool {
    if (configuration) |old| old.deinit();
    configuration = null;
    if (size == 0) return refuse("tokens must have at least one");
    const text = proxy.bytes(.plugin_configuration, 0, size) orelse return false;
    defer proxy.allocator.free(text);
    const options: std.json.ParseOptions = .{ .allocate = .alloc_always };
    const read = std.json.parseFromSlice(Configuration, proxy.allocator, text, options) catch
        return refuse("it is not JSON of the form {\"tokens\": [\"...\"]}");
    configuration = read;
    if (read.value.tokens.len == 0) return refuse("tokens must have at least one");
    for (read.value.tokens) |token| if (token.len == 0) return refuse("tokens must not be empty");
    return true;
}

export fn proxy_on_request_headers(_: u32, _: u32, _: bool) proxy.Action {
    if (proxy.header(.request_headers, "authorization")) |value| {
        defer proxy.allocator.free(value); // else each request would leave some memory behind
        if (isAllowed(value)) return .@"continue";
    }
    _ = proxy.respond(401, "no_token", "a known token is missing\n", &.{.{ .name = "www-authenticate", .value = "Bearer" }});
    return .pause;
}

export fn proxy_on_done(_: u32) bool {
    return true;
}

export fn proxy_on_delete(_: u32) void {}
