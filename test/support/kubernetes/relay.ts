import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * Carries connections from one end to another. Two of them carry connections between two network namespaces: a Unix socket is reached by its path from either.
 * An end is `unix:PATH` or `tcp:HOST:PORT`; `to` may be `named`: who connects says the end in a first line.
 */
export async function startRelay(from: string, to: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (to !== "named") return carry(client, to);
    client.once("error", () => client.destroy());
    client.once("data", (first: Buffer) => {
      const end = first.indexOf("\n");
      client.pause();
      client.unshift(first.subarray(end + 1));
      carry(client, first.subarray(0, end).toString());
    });
  });
  server.listen(endOf(from));
  await once(server, "listening");
  return server;
}

function carry(client: Socket, to: string): void {
  const target = connect({ ...endOf(to), allowHalfOpen: true });
  client.pipe(target).pipe(client);
  endTogether(client, target);
  endTogether(target, client);
}

/** A connection that breaks at one end breaks at the other. */
function endTogether(one: Socket, other: Socket): void {
  one.on("error", () => other.destroy());
  one.on("close", () => other.destroy());
}

function endOf(end: string): { path: string } | { host: string; port: number } {
  const [, path] = /^unix:(.+)$/.exec(end) ?? [];
  const [, host = "", port] = /^tcp:(.+):(\d+)$/.exec(end) ?? [];
  return path === undefined ? { host, port: Number(port) } : { path };
}

if (import.meta.main) {
  const [from = "", to = ""] = process.argv.slice(2);
  await startRelay(from, to);
  console.log("relaying");
}
