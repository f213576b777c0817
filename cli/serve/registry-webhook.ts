import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { messageOf, whyUnread } from "../../base/error.ts";
import { boundSockets } from "../../base/http-sockets.ts";
import { listen } from "../../base/listen.ts";
import { readBounded } from "../../base/read-bounded.ts";
import { readText } from "../../base/read-text.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { Clock } from "../../model/clock.ts";
import type { Leadership } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { readNotification } from "../../oci/index.ts";
import type { Address } from "../args/address.ts";

export interface RegistryWebhookOptions {
  readonly address: Address;
  /** What the header Authorization must have, alone or after `Bearer `. */
  readonly secret: string;
  /** A tag of this repository (its path, without registry) may have moved. */
  readonly moved: (path: string) => void;
  /** Only who decides looks at tags; another server says so, and the registry tries again. */
  readonly leadership: Pick<Leadership, "isLeading">;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RegistryWebhook {
  listen(): Promise<Result<Address>>;
  close(): Promise<void>;
}

const MAX_SECRET_BYTES = 4_096;
const LIMITS = { bodyBytes: 1 << 20, sockets: 64, headersMs: 5_000, requestMs: 10_000, idleMs: 30_000 };
/** Notifications that are taken: a burst of pushes, then ten a second. What is lost is seen at the next interval. */
const PACE = { burst: 50, perSecond: 10 };

/** Reads the file of --registry-webhook-secret-file. Fails with `BadWebhookSecret`, and quotes nothing of it. */
export async function readWebhookSecret(path: string): Promise<Result<string>> {
  const unusable = (why: string) => fail("BadWebhookSecret", `--registry-webhook-secret-file: ${path} ${why}`);
  try {
    const bytes = await readBounded(path, MAX_SECRET_BYTES);
    const secret = bytes === undefined ? "" : Buffer.from(bytes).toString("utf8").trim();
    return /^[\x21-\x7e]{16,}$/.test(secret)
      ? ok(secret)
      : unusable("is to hold 16 to 4096 characters without blanks, such as `openssl rand -hex 32` prints");
  } catch (error) {
    return unusable(whyUnread(error));
  }
}

/** Hears from registries that tags moved. What they say is a hint: nothing of it is used but which repositories to look at. */
export function createRegistryWebhook(options: RegistryWebhookOptions): RegistryWebhook {
  const { address, clock, log } = options;
  const pace = new TokenBucket(PACE.burst, PACE.perSecond);
  const secret = hashOf(options.secret);
  const answer = async (request: IncomingMessage): Promise<number> => {
    const given = /^(?:Bearer )?(.*)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
    if (!timingSafeEqual(hashOf(given), secret)) return 401;
    if (request.method !== "POST") return 405;
    if (!options.leadership.isLeading()) return 503;
    if (!pace.take(clock.now())) return 429;
    const text = await readText(request, LIMITS.bodyBytes);
    if (text === undefined) return 413;
    const paths = readNotification(text);
    if (paths === undefined) return 400;
    for (const path of paths) options.moved(path);
    log.debug("a registry tells of tags", { repositories: paths.size });
    return 202;
  };
  const server = createServer({
    headersTimeout: LIMITS.headersMs,
    requestTimeout: LIMITS.requestMs,
    connectionsCheckingInterval: LIMITS.headersMs,
  });
  server.setTimeout(LIMITS.idleMs);
  boundSockets(server, LIMITS.sockets);
  server.on("request", async (request, response) => {
    const status = await answer(request).catch(() => 400);
    // What was not read of the body is not waited for.
    response.writeHead(status, { connection: status < 300 ? "keep-alive" : "close" }).end();
  });
  return {
    async listen() {
      const { host, port } = address;
      try {
        return ok({ host, port: (await listen(server, address)).port });
      } catch (error) {
        return fail("AddressUnavailable", `--registry-webhook-address ${host}:${port} cannot be listened on: ${messageOf(error)}`);
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
