import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTestHelper } from "../testing/helper.ts";
import { failed, valued } from "../testing/result.ts";
import { createHelper } from "./helper.ts";

const { env, add } = createTestHelper();
const open = (name: string, timeoutMs = 5_000) => valued(createHelper(name, { env, timeoutMs }));

describe("a credential helper", () => {
  test("keeps, gives and erases credentials of a server", async () => {
    const helper = open("test");
    assert.equal(valued(await helper.get("r.example")), undefined);
    const credentials = { username: "robot", password: `p"a$(touch x)\u00e9` };
    valued(await helper.store("r.example", credentials));
    assert.deepEqual(valued(await helper.get("r.example")), credentials);
    assert.equal(valued(await helper.get("other.example")), undefined);
    valued(await helper.erase("r.example"));
    assert.equal(valued(await helper.get("r.example")), undefined);
  });

  test("a name that could be another program's is refused", () => {
    for (const name of ["", "../x", "a/b", "a b", "x;rm", "Desktop", "x".repeat(101), "\u001b[31m"])
      failed(createHelper(name, { env }), "CredentialHelperFailed");
  });

  test("each way to fail has its words, and none tells the secret", async () => {
    for (const [name, script, says] of [
      [
        "fails",
        "#!/bin/sh\necho 'keychain is \u001b[31mlocked'; exit 3",
        /fails, which .*, failed on get \(status 3: keychain is .*locked\)/,
      ],
      ["nonsense", "#!/bin/sh\necho hello", /answered with something that is not JSON/],
      ["partial", "#!/bin/sh\necho '{\"Username\":1}'", /answered without a Username and a Secret/],
      ["endless", "#!/bin/sh\nyes", /answered with more than 64 KiB/],
      ["slow", "#!/bin/sh\nsleep 60", /did not answer in 0 s/],
      ["not-executable", "", /cannot be run|answered with something that is not JSON/],
    ] as const) {
      add(name, script);
      const { message } = failed(await open(name, name === "slow" ? 200 : 5_000).get("r.example"), "CredentialHelperFailed");
      assert.match(message, says);
      assert.ok(!message.includes("\u001b"));
    }
    assert.match(
      failed(await open("absent").get("r.example"), "CredentialHelperFailed").message,
      /absent, .*, is not on the PATH; install it/,
    );
    add("echoes", "#!/bin/sh\ncat; exit 1");
    const stored = failed(await open("echoes").store("r.example", { username: "robot", password: "hunter2" }), "CredentialHelperFailed");
    assert.ok(!stored.message.includes("hunter2"), stored.message);
  });
});
