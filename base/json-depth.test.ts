import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startCpuTime } from "./cpu-time.ts";
import { hasMoreValues, isNestedDeeper, membersOf } from "./json-depth.ts";

const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${"}]".repeat(depth / 2)}`;

test("lists and objects count, one in the other; what is in strings does not", () => {
  assert.equal(isNestedDeeper(nested(10), 10), false);
  assert.equal(isNestedDeeper(nested(12), 10), true);
  assert.equal(isNestedDeeper(JSON.stringify({ "[[[[": '{{"\\"{{', b: "\\" }), 1), false);
  assert.equal(isNestedDeeper(JSON.stringify([["\\"], [[]]]), 2), true);
});

test("a text of siblings is no deeper than one of them, and a broken one ends", () => {
  assert.equal(isNestedDeeper(`[${"[],".repeat(1_000)}[]]`, 2), false);
  assert.equal(isNestedDeeper('["', 2), false);
  assert.equal(isNestedDeeper('["\\', 2), false);
});

test("values are counted, the first of each list and map too, and not what is in strings", () => {
  for (const [text, values] of [
    ['{"a,b":",,,,[1,{","c":[1,2]}', 4],
    ["[ ]", 0],
    ["[{},{ },[[]]]", 4],
    [`${"[".repeat(50)}1${"]".repeat(50)}`, 50],
    ["[1,2,3]", 3],
  ] as const) {
    assert.equal(hasMoreValues(text, values), false, text);
    if (values > 0) assert.equal(hasMoreValues(text, values - 1), true, text);
  }
});

describe("members of an object", () => {
  const names = new Set(["a", "b", "type"]);
  const members = (text: string) => {
    const found = membersOf(text, names, 10);
    return found && Object.fromEntries(found);
  };

  test("are those that parsing gives, whatever is beside them", () => {
    for (const text of [
      "{}",
      ' { "a" : 1 , "c" : {"a":2,"b":[",}",{"a":3}]} ,\n"b":"}" } ',
      '{"a":[{"b":1}],"b":"x\\"\\\\","d":-1.5e3}',
      '{"\\u0061":true,"t\\u0079pe":null}',
      '{"a":1,"a":{"b":2},"b":[]}',
      '{"__proto__":1,"a":"\\u0000"}',
    ]) {
      const parsed = JSON.parse(text) as Record<string, unknown>;
      const wanted = Object.fromEntries([...names].flatMap((name) => (Object.hasOwn(parsed, name) ? [[name, parsed[name]]] : [])));
      const found = members(text) ?? assert.fail(text);
      assert.deepEqual(Object.fromEntries(Object.entries(found).map(([name, json]) => [name, JSON.parse(json)])), wanted, text);
    }
  });

  test("are none of what is no object, is cut short, or has too many", () => {
    const many = `{${Array.from({ length: 11 }, (_, index) => `"${index}":1`).join(",")}}`;
    for (const text of ["", "[1]", "1", "{", '{"a"', '{"a":', '{"a":1', '{"a" 1}', '{"a":1]', '{"a":"', "{a:1}", many])
      assert.equal(members(text), undefined, text);
  });

  test("are found in time that grows with the text, of whatever kind it is", () => {
    const size = 1 << 20;
    for (const filling of ["1,", "{},", '"a":', "[", "]", "\\", " "]) {
      const text = `{"x":${filling.repeat(size / filling.length)}`;
      const taken = startCpuTime();
      members(text);
      assert.ok(taken() < 500, filling);
    }
  });
});
