import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeHeaders, HeaderDecoder } from "./hpack.ts";
import { decodeHuffman } from "./huffman.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

/** The RFC's own examples: three requests on one connection. */
const requests = {
  // https://www.rfc-editor.org/rfc/rfc7541#appendix-C.3
  "spelled out": [
    "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "8286 84be 5808 6e6f 2d63 6163 6865",
    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
  ],
  // https://www.rfc-editor.org/rfc/rfc7541#appendix-C.4
  "in Huffman code": [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
  ],
};

for (const [how, blocks] of Object.entries(requests)) {
  test(`header blocks are decoded with the table that earlier ones built up (${how})`, () => {
    const decoder = new HeaderDecoder();
    const decoded = blocks.map((block) => decoder.decode(hex(block)));
    const common = { ":method": "GET", ":authority": "www.example.com" };
    assert.deepEqual(
      decoded.map((headers) => (typeof headers === "string" ? headers : Object.fromEntries(headers))),
      [
        { ...common, ":scheme": "http", ":path": "/" },
        { ...common, ":scheme": "http", ":path": "/", "cache-control": "no-cache" },
        { ...common, ":scheme": "https", ":path": "/index.html", "custom-key": "custom-value" },
      ],
    );
  });
}

test("entries beyond the table's size are dropped, oldest first", () => {
  const decoder = new HeaderDecoder();
  const add = (name: string, value: string) => Buffer.concat([Buffer.from([0x40]), encodeHeaders({ [name]: value }).subarray(1)]);
  for (let index = 0; index < 200; index++) decoder.decode(add(`name-${index}`, "x".repeat(60)));
  // The newest is number 62; some forty of them fit into 4,096 bytes.
  const newest = decoder.decode(Buffer.from([0x80 | 62]));
  assert.deepEqual(newest, new Map([["name-199", "x".repeat(60)]]));
  assert.equal(decoder.decode(Buffer.from([0x80 | (62 + 50)])), "malformed");
});

test("a table that is made smaller forgets, and cannot be made larger than agreed", () => {
  const decoder = new HeaderDecoder();
  decoder.decode(hex("400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"));
  assert.deepEqual(decoder.decode(hex("20")), new Map());
  assert.equal(decoder.decode(hex("be")), "malformed");
  assert.equal(new HeaderDecoder().decode(hex("3fe2 1f")), "malformed");
});

test("what is encoded here is decoded to the same", () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,200}$/);
  fc.assert(
    fc.property(fc.dictionary(word, fc.stringMatching(/^[ -~]{0,300}$/)), (headers) => {
      assert.deepEqual(new HeaderDecoder().decode(encodeHeaders(headers)), new Map(Object.entries(headers)));
    }),
  );
});

test("no bytes make the decoder throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const decoded = new HeaderDecoder().decode(Buffer.from(bytes));
      assert(typeof decoded === "string" || decoded instanceof Map);
    }),
    { numRuns: 2_000 },
  );
});

test("a header list beyond its bound is told from a broken one", () => {
  const huge = encodeHeaders(Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`name-${index}`, "x".repeat(100)])));
  const decoder = new HeaderDecoder();
  assert.equal(decoder.decode(huge), "tooLarge");
  assert.equal(decoder.decode(hex("82")) instanceof Map, true, "the connection goes on");
});

test("Huffman code that ends in anything but its padding is refused", () => {
  const decode = (code: string) => decodeHuffman(hex(code), 0, hex(code).length);
  assert.equal(decode("f1e3 c2e5 f23a 6ba0 ab90 f4ff"), "www.example.com");
  assert.equal(decode("f1e3 c2e5 f23a 6ba0 ab90 f4fe"), undefined, "padding of zeros");
  assert.equal(decode("f1e3 c2e5 f23a 6ba0 ab90 f4ff ff"), undefined, "a byte of padding");
  assert.equal(decode("ffff fffc"), undefined, "no byte has this code");
});
