import { isMainThread } from "node:worker_threads";

/**
 * Loaded before a test file (`--import`): a process that something left open keeps alive, such as what a test that failed did not close, ends so long after its
 * last test. By then everything is reported, which Node's own `--test-force-exit` does not wait for. `WEIR_LINGER_MS`: another time, in milliseconds.
 */
const LINGER_MS = Number(process.env.WEIR_LINGER_MS ?? 60_000);

// Workers that a test starts load this too.
if (isMainThread) {
  const { after } = await import("node:test");
  after(() => void setTimeout(() => process.exit(), LINGER_MS).unref());
}
