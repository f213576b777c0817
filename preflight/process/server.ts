import { unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { hasCode, messageOf } from "../../base/error.ts";
import type { Log } from "../../model/log.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import type { Examination, ExamineRequest } from "../sandbox/examination.ts";
import { createFrameReader, encodeHead, type Frame } from "./frame.ts";
import { createMemoryBudget, type MemoryBudget } from "./memory-budget.ts";
import { createProverPool, type ProverPool } from "./pool.ts";
import { LOST, type ProofLimits, runProof } from "./proof.ts";
import { type Limits, limitsOf, MODULE_DEFAULTS } from "./proof-limits.ts";
import type { Prover } from "./prover.ts";

export interface ProverServerOptions {
  /** The unix socket to listen on. Only processes of the same user reach it. */
  readonly path: string;
  readonly log: Log;
  /** Memory that there is for all provers, in MiB. Default: what the container leaves. */
  readonly memoryMb?: number | undefined;
}

/** Proves modules for whoever connects. */
export interface ProverServer {
  /** Ends the proofs under way and lets the socket go. */
  close(): Promise<void>;
}

/** Proofs at work at once: one more than a server of Weir asks for, so that a second one (an update) gets its turn. */
const SIZE = 4;
/** As in `weir serve`: a proof need not wait for its process to start. */
const AHEAD = 2;
/** Connections at once. More are closed as they come. */
const MAX_CONNECTIONS = 8;
/** Configuration and environment, 1 MiB each in a cluster, with every character escaped. */
const REQUEST = { header: 16 * 1024 * 1024, body: MODULE_DEFAULTS.maxModuleBytes };
/** Milliseconds for a request to be there whole. */
const REQUEST_MS = 10_000;
/** CPU milliseconds that a client may allow a module to load: the most that --max-module-load takes. */
const MAX_LOAD_MS = 600_000;
/** What this process takes, and the two that wait, in MiB. */
const OWN_MB = 160;
/** With less, the smallest modules would be refused: their provers take 50 MiB, and two are to run at once. */
const LEAST_MB = 96;
const SOCKET_MODE = 0o600;
const CROWDED =
  "several modules took more memory together than the prover has; this one took the most, and is proved again with no other beside it";

/**
 * Listens on a unix socket and proves what comes in, each module in a process of its own. A connection is one proof: a frame with the request and the module in,
 * frames as a prover writes them out (answer.ts), the end. Fails with `SocketUnavailable`.
 */
export async function listenProvers(options: ProverServerOptions): Promise<Result<ProverServer>> {
  const memoryMb = options.memoryMb ?? containerMemory();
  if (memoryMb < LEAST_MB)
    return fail(
      "TooLittleMemory",
      `the memory limit leaves ${Math.floor(memoryMb)} MiB for proofs; raise it by ${Math.ceil(LEAST_MB - memoryMb)} MiB or more`,
    );
  const limits = limitsOf({ ...MODULE_DEFAULTS, maxLoadMs: MAX_LOAD_MS, memoryMb });
  const pool = createProverPool({ size: SIZE, ahead: AHEAD, bounds: limits.bounds });
  const deps: VisitDeps = { pool, limits, memory: createMemoryBudget(memoryMb), log: options.log };
  const visits = new Set<Visit>();
  const server = createServer((socket) => {
    const visit = new Visit(socket, deps);
    visits.add(visit);
    socket.once("close", () => visits.delete(visit));
  });
  server.maxConnections = MAX_CONNECTIONS;
  const bound = await bind(server, options.path);
  if (!bound.ok) return bound;
  return ok({
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const visit of visits) visit.end();
      await closed;
    },
  });
}

/** In MiB. https://nodejs.org/api/process.html#processconstrainedmemory */
function containerMemory(): number {
  const bytes = process.constrainedMemory();
  // Without a bound it is 0 or beyond any memory.
  return bytes === 0 ? Number.POSITIVE_INFINITY : Math.max(0, bytes / 1024 ** 2 - OWN_MB);
}

async function bind(server: Server, path: string): Promise<Result<void>> {
  try {
    await listen(server, path);
  } catch (error) {
    // A process that was killed leaves its socket behind.
    if (!hasCode(error, "EADDRINUSE") || (await isAnswered(path))) return unavailable(path, error);
    try {
      await unlink(path);
      await listen(server, path);
    } catch (second) {
      return unavailable(path, second);
    }
  }
  return ok(undefined);
}

function unavailable(path: string, error: unknown): Result<never> {
  return fail("SocketUnavailable", `--socket ${path} cannot be listened on: ${messageOf(error)}`);
}

/** The socket is made with its mode, and never had another. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const before = process.umask(~SOCKET_MODE & 0o777);
    try {
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("error", (error) => resolve(!hasCode(error, "ECONNREFUSED", "ENOENT")));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** Any object: the process that proves reads it, and this one only looks at two of its fields. */
type Request = ExamineRequest & { readonly maxLoadMs?: unknown };

let visitors = 0;

/** The client's bound where it has one below ours. */
function atMost(bound: number, { maxLoadMs }: { readonly maxLoadMs?: unknown }): number {
  return typeof maxLoadMs === "number" && maxLoadMs > 0 ? Math.min(bound, maxLoadMs) : bound;
}

interface VisitDeps {
  readonly pool: ProverPool;
  readonly limits: Limits;
  readonly memory: MemoryBudget;
  readonly log: Log;
}

/** One connection, from its request to its answer. */
class Visit {
  private readonly socket: Socket;
  private readonly deps: VisitDeps;
  private readonly gone = new AbortController();
  private isAsked = false;

  constructor(socket: Socket, deps: VisitDeps) {
    [this.socket, this.deps] = [socket, deps];
    const late = setTimeout(() => this.refuse("its request did not come"), REQUEST_MS);
    const take = createFrameReader(REQUEST, (frame) => {
      clearTimeout(late);
      this.ask(frame);
    });
    socket.on("data", (chunk) => {
      try {
        take(chunk);
      } catch (error) {
        this.refuse(messageOf(error));
      }
    });
    socket.on("error", () => undefined); // `close` follows.
    socket.on("close", () => {
      clearTimeout(late);
      this.gone.abort();
    });
    this.say({ ready: true });
  }

  /** Ends its proof too. */
  end(): void {
    this.socket.destroy();
  }

  private refuse(why: string): void {
    if (this.socket.destroyed) return;
    this.deps.log.warn("a connection was closed", { why });
    this.socket.destroy();
  }

  private ask({ header, body }: Frame): void {
    const isRequest = typeof header === "object" && header !== null;
    if (this.isAsked || !isRequest) this.refuse("it sent what is no request");
    else this.start(header as Request, body);
  }

  private start(request: Request, code: Buffer): void {
    this.isAsked = true;
    this.prove(request, code).then(
      (result) => this.answer(result),
      (error: unknown) => this.answer(failForNow("SandboxFailed", `no process for the proof: ${messageOf(error)}`)),
    );
  }

  private async prove(request: Request, code: Buffer): Promise<Result<Examination> | undefined> {
    const { pool, limits } = this.deps;
    // Connections take turns as namespaces do.
    const own = limits.of(code.length);
    const proof = (prover: Prover) => this.run(prover, request, code, { ...own, maxLoadMs: atMost(own.maxLoadMs, request) });
    return pool.run(String(visitors++), proof, { signal: this.gone.signal });
  }

  private async run(prover: Prover, request: ExamineRequest, code: Buffer, limits: ProofLimits): Promise<Result<Examination>> {
    const crowded = new AbortController();
    const share = this.deps.memory.enter(() => crowded.abort());
    const found = await runProof(prover, request, code, limits, {
      signal: AbortSignal.any([this.gone.signal, crowded.signal]),
      onPhase: (phase) => this.say({ phase }),
      onUsage: ({ residentMb }) => share.takes(residentMb),
    });
    share.leave();
    return crowded.signal.aborted ? failForNow(LOST, CROWDED) : found;
  }

  private answer(result: Result<Examination> | undefined): void {
    if (result === undefined || this.socket.destroyed) return;
    this.say(!result.ok && result.error.retryable ? { later: result.error } : { result });
    this.socket.end();
  }

  private say(header: unknown): void {
    if (!this.socket.destroyed) this.socket.write(encodeHead(header));
  }
}
