import { once } from "node:events";
import { createServer, request, type ServerResponse } from "node:http";

/** An HTTP relay on loopback before a registry. Of every blob it passes half, and the other half once it is told to. */
export interface SlowProxy {
  /** `127.0.0.1:PORT`, as it stands in a reference. */
  readonly host: string;
  /** Blobs of which half has been passed. */
  held(): number;
  /** From now on everything is passed whole. */
  release(): void;
  stop(): Promise<void>;
}

/** Blobs that are shorter are passed at once: configs. */
const SHORT = 10_000;

/** Starts a relay to a registry at this port of 127.0.0.1. */
export async function startSlowProxy(target: number): Promise<SlowProxy> {
  const waiting = new Map<ServerResponse, Buffer>();
  let isReleased = false;
  const server = createServer((asked, response) => {
    const { method, url: path = "/", headers } = asked;
    const passed = request({ host: "127.0.0.1", port: target, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      const isHeld = method === "GET" && path.includes("/blobs/") && Number(answer.headers["content-length"]) > SHORT && !isReleased;
      if (!isHeld) return void answer.pipe(response);
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () => {
        const whole = Buffer.concat(parts);
        const half = whole.length >> 1;
        response.write(whole.subarray(0, half), () => waiting.set(response, whole.subarray(half)));
      });
    });
    passed.on("error", () => response.destroy());
    response.on("close", () => void waiting.delete(response));
    asked.pipe(passed);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  return {
    host: `127.0.0.1:${address.port}`,
    held: () => waiting.size,
    release() {
      isReleased = true;
      for (const [response, rest] of waiting) response.end(rest);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
