//! What HTTP filters use of the proxy-wasm ABI 0.2.1. What a filter does not call is not in its module.
//! https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
const std = @import("std");

/// What a host function answers.
pub const Status = enum(u32) { ok = 0, not_found = 1, bad_argument = 2, empty = 7, cas_mismatch = 8, internal_failure = 10, _ };
/// What the proxy does after a callback of a stream: goes on, or waits for `continueStream` or a local response.
pub const Action = enum(u32) { @"continue" = 0, pause = 1 };
pub const LogLevel = enum(u32) { trace, debug, info, warn, err, critical };
pub const Map = enum(u32) { request_headers = 0, request_trailers = 1, response_headers = 2, response_trailers = 3 };
pub const Buffer = enum(u32) { request_body = 0, response_body = 1, plugin_configuration = 7 };
pub const Stream = enum(u32) { request = 0, response = 1 };

pub const Header = struct { name: []const u8, value: []const u8 };

extern "env" fn proxy_log(level: LogLevel, message: [*]const u8, size: usize) Status;
extern "env" fn proxy_get_current_time_nanoseconds(time: *u64) Status;
extern "env" fn proxy_get_buffer_bytes(buffer: Buffer, start: usize, max: usize, data: *[*]u8, size: *usize) Status;
extern "env" fn proxy_set_buffer_bytes(buffer: Buffer, start: usize, replaced: usize, data: [*]const u8, size: usize) Status;
extern "env" fn proxy_get_header_map_value(map: Map, name: [*]const u8, name_size: usize, value: *[*]u8, size: *usize) Status;
extern "env" fn proxy_add_header_map_value(map: Map, name: [*]const u8, name_size: usize, value: [*]const u8, size: usize) Status;
extern "env" fn proxy_replace_header_map_value(map: Map, name: [*]const u8, name_size: usize, value: [*]const u8, size: usize) Status;
extern "env" fn proxy_remove_header_map_value(map: Map, name: [*]const u8, name_size: usize) Status;
extern "env" fn proxy_send_local_response(status: u32, details: [*]const u8, details_size: usize, body: [*]const u8, body_size: usize, headers: [*]const u8, headers_size: usize, grpc_status: i32) Status;
extern "env" fn proxy_continue_stream(stream: Stream) Status;
extern "env" fn proxy_get_property(path: [*]const u8, path_size: usize, value: *[*]u8, size: *usize) Status;

/// Whatever the host hands over was allocated here by `proxy_on_memory_allocate` of the filter. The filter frees it.
pub const allocator = std.heap.wasm_allocator;

pub fn log(level: LogLevel, message: []const u8) void {
    _ = proxy_log(level, message.ptr, message.len);
}

/// Nanoseconds since 1970.
pub fn now() u64 {
    var time: u64 = 0;
    _ = proxy_get_current_time_nanoseconds(&time);
    return time;
}

/// The bytes of a body or of the configuration; the caller frees them. Null: there are none.
pub fn bytes(buffer: Buffer, start: usize, max: usize) ?[]u8 {
    var data: [*]u8 = undefined;
    var size: usize = 0;
    if (proxy_get_buffer_bytes(buffer, start, max, &data, &size) != .ok or size == 0) return null;
    return data[0..size];
}

/// Replaces all of a body.
pub fn setBytes(buffer: Buffer, data: []const u8) Status {
    return proxy_set_buffer_bytes(buffer, 0, std.math.maxInt(u31), data.ptr, data.len);
}

/// The value of a header; the caller frees it. Null: there is no such header, or it is empty.
pub fn header(map: Map, name: []const u8) ?[]u8 {
    var data: [*]u8 = undefined;
    var size: usize = 0;
    if (proxy_get_header_map_value(map, name.ptr, name.len, &data, &size) != .ok or size == 0) return null;
    return data[0..size];
}

pub fn addHeader(map: Map, name: []const u8, value: []const u8) Status {
    return proxy_add_header_map_value(map, name.ptr, name.len, value.ptr, value.len);
}

pub fn setHeader(map: Map, name: []const u8, value: []const u8) Status {
    return proxy_replace_header_map_value(map, name.ptr, name.len, value.ptr, value.len);
}

pub fn removeHeader(map: Map, name: []const u8) Status {
    return proxy_remove_header_map_value(map, name.ptr, name.len);
}

/// Attributes of the request, the connection and the proxy: "source\x00address". The caller frees the value.
pub fn property(path: []const u8) ?[]u8 {
    var data: [*]u8 = undefined;
    var size: usize = 0;
    if (proxy_get_property(path.ptr, path.len, &data, &size) != .ok or size == 0) return null;
    return data[0..size];
}

/// Answers in the place of the upstream. Give `.pause` from the callback afterwards. `details`: for access logs.
pub fn respond(status: u32, details: []const u8, body: []const u8, comptime headers: []const Header) Status {
    const list = comptime encode(headers);
    return proxy_send_local_response(status, details.ptr, details.len, body.ptr, body.len, list.ptr, list.len, -1);
}

pub fn continueStream(stream: Stream) Status {
    return proxy_continue_stream(stream);
}

/// A list of headers as the ABI writes it: the count, the sizes of names and values, then each of them with a zero behind it.
fn encode(comptime headers: []const Header) []const u8 {
    if (headers.len == 0) return "";
    var list: []const u8 = &word(headers.len);
    for (headers) |entry| list = list ++ word(entry.name.len) ++ word(entry.value.len);
    for (headers) |entry| list = list ++ entry.name ++ "\x00" ++ entry.value ++ "\x00";
    return list;
}

fn word(value: usize) [4]u8 {
    var encoded: [4]u8 = undefined;
    std.mem.writeInt(u32, &encoded, value, .little);
    return encoded;
}
