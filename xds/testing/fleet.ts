import type { TestContext } from "node:test";
import type { ProxyNode } from "../../model/delivery.ts";
import { silentLog } from "../../model/log.ts";
import type { ModuleBytes } from "../../model/module.ts";
import type { Authenticator } from "../identity/authenticator.ts";
import { createXdsServer } from "../server.ts";
import { connect, type TestClient } from "./client.ts";
import { oneModule } from "./modules.ts";
import type { Variant } from "./received.ts";

/** A whole xDS server on a free port, gone when the test is, with clients that connect as proxies of the namespace `shop`. */
export async function startFleet(t: TestContext, modules: ModuleBytes = oneModule(), log = silentLog, authenticator?: Authenticator) {
  let time = 1_000;
  const clock = { now: () => time++, after: () => () => {} };
  const server = createXdsServer({ address: "127.0.0.1:0", log, clock, modules, authenticator });
  const { port } = await server.listen();
  /** Of connections: a server that closes gives those that are open 2 s. */
  const closing: (() => void)[] = [];
  t.after(async () => {
    for (const close of closing) close();
    await server.close();
  });
  const open = (variant: Variant, id = "web-1", extra: Parameters<typeof connect>[0]["node"] = {}): TestClient => {
    const client = connect({ port, variant, node: { id, metadata: { NAMESPACE: "shop", LABELS: { app: "web" } }, ...extra } });
    closing.push(() => client.close());
    return client;
  };
  /** Resolves once the proxy looks like this. */
  const until = async (holds: (proxy: ProxyNode) => boolean, id = "web-1"): Promise<ProxyNode> => {
    for (;;) {
      const proxy = server.fleet.proxy(`shop/${id}`);
      if (proxy !== undefined && holds(proxy)) return proxy;
      await new Promise<void>((resolve) => {
        const stop = server.fleet.onChange(() => {
          stop();
          resolve();
        });
      });
    }
  };
  return { fleet: server.fleet, server, port, closing, open, until };
}
