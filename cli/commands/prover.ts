import { resolve } from "node:path";
import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { logFlags, openLog } from "../serve/log-flags.ts";
import { stopSignal } from "../serve/stop-signal.ts";

export const prover = defineCommand({
  name: "prover",
  summary: "Prove modules for a weir serve that reaches this one by a socket",
  about: `For a container of its own beside weir serve, without rights, network and secrets: what a module does to it, the server does not notice. weir serve
    --prover-socket sends modules there, and waits with new ones while nobody answers. Only processes of the same user reach the socket. The container's memory limit
    bounds the proofs: give it 1 GiB.`,
  args: {},
  flags: {
    socket: {
      type: "string",
      value: "PATH",
      completes: "file",
      help: "the unix socket to listen on; it is made with mode 0600",
      required: true,
      env: "WEIR_PROVER_SOCKET",
    },
    ...logFlags,
  },
  examples: [{ does: "beside a server that proves there", command: "weir prover --socket /run/weir/prover.sock" }],
  async run({ flags }, terminal) {
    const log = await openLog(flags, terminal);
    const { listenProvers, missingBounds } = await import("../../preflight/index.ts");
    const path = resolve(flags.socket);
    const server = await listenProvers({ path, log });
    if (!server.ok) return server;
    for (const missing of missingBounds()) log.warn("a bound of proofs is not set", { message: missing });
    log.info("waiting for modules", { socket: path });
    const signal = await stopSignal();
    log.info("stopping", { signal });
    await server.value.close();
    return ok(undefined);
  },
});
