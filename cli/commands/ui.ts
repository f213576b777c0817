import { spawn } from "node:child_process";
import { messageOf } from "../../base/error.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { usage } from "../args/usage.ts";
import { fleetFlags, weirFlags } from "../fleet/flags.ts";
import type { ForwardOptions } from "../fleet/forward.ts";
import { printNote } from "../output.ts";
import { stopSignal } from "../serve/stop-signal.ts";
import type { Terminal } from "../terminal.ts";

const TIMEOUT_MS = 15_000;
const DEFAULT_SERVER = fleetFlags.server.fallback;

export const ui = defineCommand({
  name: "ui",
  summary: "Open the pages of a running Weir in a browser",
  about: `With --server (or $WEIR_SERVER) it opens that server's pages. Otherwise it forwards a port of this machine's loopback address to a pod of the
    cluster's Weir, with the rights of the kubeconfig, until Ctrl-C; a pod that goes is replaced by another. Where no cluster is configured it opens ${DEFAULT_SERVER}.`,
  args: {},
  flags: {
    server: { type: "string", value: "URL", help: "the address of a running `weir serve`", env: "WEIR_SERVER" },
    ...weirFlags,
    port: { type: "string", value: "PORT", help: "the port on 127.0.0.1 that is forwarded (0: a free one)", fallback: "0" },
    "no-open": { type: "boolean", help: "print the address, and start no browser" },
  },
  examples: [
    { does: "the pages of the cluster's Weir", command: "weir ui" },
    { does: "those of a server on this machine", command: "weir ui --server http://127.0.0.1:18001" },
  ],
  async run({ flags }, terminal) {
    const { loadKubeconfig } = await import("../fleet/kubeconfig.ts");
    const show = (url: string) => present(url, flags["no-open"], terminal);
    if (flags.server !== undefined) return showServer(flags.server, show);
    const port = Number(flags.port);
    if (!/^\d{1,5}$/.test(flags.port) || port > 65_535) return usage(`--port is a port from 0 to 65535, not "${flags.port}"`);
    const config = loadKubeconfig({ kubeconfig: flags.kubeconfig, context: flags.context, env: terminal.env });
    if (!config.ok) return config.error.reason === "NoCluster" ? showServer(DEFAULT_SERVER, show) : config;
    const [{ createKubeApi }, { dialPod, findWeirPod }] = await Promise.all([
      import("../../operator/index.ts"),
      import("../fleet/weir-pod.ts"),
    ]);
    const api = createKubeApi({ kubeConfig: config.value, timeoutMs: TIMEOUT_MS });
    const first = await findWeirPod(api, flags.namespace);
    if (!first.ok) return first;
    const dial: ForwardOptions["dial"] = async (socket, onEnd) => {
      const pod = await findWeirPod(api, flags.namespace);
      if (!pod.ok) throw new Error(pod.error.message);
      return dialPod(config.value, flags.namespace, pod.value, socket, onEnd);
    };
    return forward({ port, dial }, show, terminal);
  },
});

async function forward(options: Omit<ForwardOptions, "onTrouble">, show: (url: string) => void, terminal: Terminal): Promise<Result<void>> {
  const { openForward } = await import("../fleet/forward.ts");
  const stopped = stopSignal();
  const onTrouble = (why: string | undefined) => printNote(why ?? "connected again", terminal);
  try {
    const opened = await openForward({ ...options, onTrouble });
    show(`http://127.0.0.1:${opened.port}/`);
    printNote("Ctrl-C ends it", terminal);
    await stopped;
    opened.close();
    return ok(undefined);
  } catch (error) {
    return fail("AddressUnavailable", `cannot listen on 127.0.0.1:${options.port}: ${messageOf(error)}; choose another --port`);
  }
}

function showServer(text: string, show: (url: string) => void): Result<void> {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return usage(`--server is a URL such as ${DEFAULT_SERVER}, not "${text}"`);
  show(url.href);
  return ok(undefined);
}

/** Prints the address; a browser that does not start is no failure, for the address can be opened by hand. */
function present(url: string, isQuiet: boolean, { out, env }: Terminal): void {
  out(`${url}\n`);
  if (isQuiet) return;
  const [program, ...args] = browser(env);
  if (program === undefined) return;
  const child = spawn(program, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}

/** $BROWSER, as many programs take it, or what opens a URL on this system. */
function browser(env: Terminal["env"]): readonly string[] {
  if (env.BROWSER) return [env.BROWSER];
  if (process.platform === "darwin") return ["open"];
  return process.platform === "win32" ? ["rundll32", "url.dll,FileProtocolHandler"] : ["xdg-open"];
}
