import assert from "node:assert/strict";
import { test } from "node:test";
import { isBase64 } from "./base64.ts";

test("base64 has its padding, its own letters and no white space", () => {
  for (const text of ["", "YQ==", "YWI=", "YWJj", "+/+/"]) assert.equal(isBase64(text), true, text);
  for (const text of ["YQ", "YQ=", "Y===", "YW J", "YWJj\n", "-_-_"]) assert.equal(isBase64(text), false, text);
});
