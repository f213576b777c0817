import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logged, run } from "../../testing/plugin.ts";
import { CELL, OUT, type Part, SINK } from "../../testing/script.ts";
import { cannedReplies } from "../index.ts";
import { encodePairs } from "../values/headers.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const CALL = text(
  encodePairs([
    [":method", "GET"],
    [":path", "/check"],
    [":authority", "authz"],
  ]),
);

describe("calls to other services", () => {
  test("an HTTP call is answered, and its answer lets the held request go on", async () => {
    const { plugin, result } = await run(
      {
        proxy_on_request_headers: { returns: 1, steps: [["proxy_http_call", "authz", CALL, "body", "", 1000, CELL]] },
        proxy_on_http_call_response: {
          steps: [
            ["proxy_get_header_map_value", 6, "x-user", OUT],
            ["proxy_get_buffer_bytes", 4, 0, 100, OUT],
            ["proxy_set_effective_context", 2],
            ["proxy_continue_stream", 0],
          ],
        },
      },
      {
        replies: {
          ...cannedReplies,
          http: ({ cluster, body }) => ({ headers: [["x-user", `${cluster}:${text(body)}`]], body: Buffer.from("granted"), trailers: [] }),
        },
      },
    );
    assert.ok(logged(plugin).includes("authz:body"));
    assert.ok(logged(plugin).includes("granted"));
    assert.equal(result.held, undefined);
    assert.equal(result.response?.headers[0]?.[1], "200");
    assert.deepEqual(plugin.notes(), ["calls cluster authz: GET /check"]);
  });

  test("a call to an unknown cluster is refused, one that breaks is reported, one without an answer holds the request", async () => {
    const steps: Part = { returns: 1, steps: [["proxy_http_call", "authz", CALL, "", "", 1000, SINK]] };
    const status: Part = { steps: [["proxy_get_status", CELL, OUT]] };
    const parts = { proxy_on_request_headers: steps, proxy_on_http_call_response: status };
    const replying = (http: "unknown" | "reset" | "silence") => run(parts, { replies: { ...cannedReplies, http: () => http } });
    assert.ok(logged((await replying("unknown")).plugin).includes("proxy_on_request_headers proxy_http_call = 02"));
    assert.ok(logged((await replying("reset")).plugin).includes("reset"));
    assert.deepEqual((await replying("silence")).result.held, { direction: "request", in: "headers", withBody: true });
  });

  test("an answer can be read whichever context is in force", async () => {
    const { plugin } = await run({
      proxy_on_request_headers: { returns: 1, steps: [["proxy_http_call", "authz", CALL, "", "", 1000, SINK]] },
      proxy_on_http_call_response: {
        steps: [
          ["proxy_set_effective_context", 2],
          ["proxy_get_header_map_value", 6, "content-type", OUT],
          ["proxy_get_buffer_bytes", 4, 0, 100, OUT],
        ],
      },
    });
    const lines = logged(plugin);
    assert.ok(lines.includes("application/json"), lines.join("\n"));
    assert.ok(lines.includes("{}"));
  });

  test("gRPC calls and streams get their messages and their end", async () => {
    const { plugin } = await run(
      {
        proxy_on_request_headers: {
          steps: [
            ["proxy_grpc_call", "auth", "pkg.Service", "Check", "", "ping", 1000, CELL],
            ["proxy_grpc_stream", "auth", "pkg.Service", "Watch", "", CELL],
            ["proxy_grpc_send", 6, "sent", 0],
          ],
        },
        proxy_on_response_headers: { returns: 1, steps: [] },
        proxy_on_grpc_receive: { steps: [["proxy_get_buffer_bytes", 5, 0, 100, OUT]] },
        proxy_on_grpc_receive_initial_metadata: { steps: [["proxy_get_header_map_value", 4, "x-first", OUT]] },
        proxy_on_grpc_receive_trailing_metadata: { steps: [["proxy_get_header_map_value", 5, "x-last", OUT]] },
        proxy_on_grpc_close: { steps: [["proxy_get_status", CELL, OUT]] },
      },
      {
        replies: {
          ...cannedReplies,
          grpc: ({ method, messages }) => ({
            initialMetadata: [["x-first", "1"]],
            messages: [Buffer.from(`${method} ${messages.map(text)}`)],
            trailingMetadata: [["x-last", "2"]],
            status: 7,
          }),
        },
      },
    );
    const lines = logged(plugin);
    assert.ok(lines.includes("pkg.Service/Check ping"));
    assert.ok(lines.includes("pkg.Service/Watch sent"));
    assert.ok(lines.includes("0700000000000000"), "the status of the close");
    assert.deepEqual(plugin.notes(), ["calls gRPC pkg.Service/Check", "calls gRPC pkg.Service/Watch"]);
  });
});
