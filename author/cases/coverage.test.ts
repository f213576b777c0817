import assert from "node:assert/strict";
import { test } from "node:test";
import { coverageOf } from "./coverage.ts";

const own = (language: Parameters<typeof coverageOf>[2], names: readonly string[]) =>
  coverageOf(
    names.map((name, index) => ({ index, name, counter: `c${index}` })),
    [],
    language,
  ).functions.map(({ name }) => name);

test("coverage of Rust leaves out the language and its libraries, and names functions as people do", () => {
  const names = [
    "_RNvNtCsdHhIpgkcIfN_4core9panicking9panic_fmt",
    "_RNvCs1234_7___rustc12___rust_alloc",
    "_RNvMs_NtCsa_10proxy_wasm10dispatcherNtB4_10Dispatcher9on_create",
    // A default of a trait of the SDK, for a type of the filter.
    "_RNvYNtCsb_9my_filter7HeadersNtNtCsa_10proxy_wasm6traits7Context7on_done",
    "_RINvNtCsdHhIpgkcIfN_4core3ptr13drop_in_placeNtCsb_9my_filter7HeadersE",
    "_ZN4core3fmt5write17h0123456789abcdefE",
    "_ZN62_$LT$proxy_wasm..types..Status$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
    "_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
    "proxy_on_context_create",
    "memcpy",
    "__rust_alloc",
    "_RNvCsb_9my_filter4work",
    "_RNCNvCsb_9my_filter6filter0B3_",
    "_RNvXCsb_9my_filterNtB2_7HeadersNtNtCsa_10proxy_wasm6traits11HttpContext23on_http_request_headers",
    "_RINvCsb_9my_filter3addsReKj2_EB2_",
    "_ZN9my_filter4main17h0123456789abcdefE",
    "_ZN70_$LT$my_filter..Headers$u20$as$u20$proxy_wasm..traits..HttpContext$GT$7on_http17h0123456789abcdefE",
    "_initialize",
  ];
  assert.deepEqual(own("rust", names), [
    "my_filter::work",
    "my_filter::filter::{closure}",
    "<my_filter::Headers as proxy_wasm::traits::HttpContext>::on_http_request_headers",
    "my_filter::add<i16, &str, 2>",
    "my_filter::main",
    "<my_filter::Headers as proxy_wasm::traits::HttpContext>::on_http",
    "_initialize",
  ]);
});

test("a symbol that names itself, or is cut, is told as it is", () => {
  for (const name of ["_RB_", "_RNvB_1a", "_RNvC9my_f", `_R${"Nv".repeat(5000)}`]) assert.ok(own("rust", [name]).length <= 1, name);
});

test("the mark of the version of proxy-wasm counts in no language", () => {
  for (const language of ["c", "cpp", "zig", "assemblyscript", undefined] as const)
    assert.deepEqual(
      own(language, ["abi_version", "proxy_abi_version_0_2_1", "_Z10abiVersionv", "answer"]).filter((name) => name !== "answer"),
      [],
    );
});
