import assert from "node:assert/strict";
import { test } from "node:test";
import { main } from "../main.ts";
import { createFakeTerminal } from "../testing/terminal.ts";

/** What `weir ui` prints where no cluster is configured and no browser starts. */
async function ui(args: readonly string[], given: Record<string, string> = {}) {
  const { terminal, written } = createFakeTerminal({ env: { HOME: "/nowhere", BROWSER: "/nowhere/browser", ...given } });
  return [await main(["ui", ...args], terminal), written.out, written.err] as const;
}

test("without a cluster it shows the server that is named, or this machine's, and a browser that does not start is no failure", async () => {
  assert.deepEqual(await ui([]), [0, "http://127.0.0.1:18001/\n", ""]);
  assert.deepEqual(await ui(["--no-open", "--server", "https://weir.example"]), [0, "https://weir.example/\n", ""]);
  assert.deepEqual(await ui([], { WEIR_SERVER: "http://10.0.0.7:18001" }), [0, "http://10.0.0.7:18001/\n", ""]);
});

test("what it cannot use is told", async () => {
  for (const [args, message] of [
    [["--server", "localhost:18001"], /--server is a URL such as/],
    [["--port", "70000"], /--port is a port from 0 to 65535, not "70000"/],
    [["--kubeconfig", "/nowhere/config"], /kubeconfig \/nowhere\/config cannot be used/],
  ] as const) {
    const [status, , err] = await ui(args);
    assert.notEqual(status, 0);
    assert.match(err, message);
  }
});
