import { AsyncResource } from "node:async_hooks";
import { connect, type Socket } from "node:net";
import { hasCode, messageOf } from "../../base/error.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import { readMessage } from "./answer.ts";
import { createFrameReader, encodeHead } from "./frame.ts";
import { LOST } from "./proof.ts";
import { ANSWER, type End, type Prover, type Provers } from "./prover.ts";

export interface RemoteOptions {
  /** The unix socket of `weir prover`. */
  readonly path: string;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "proverFailed">;
}

/** The other side has the same bounds on time, and names what was over them: its words come first. */
const DELAY_MS = 3000;

/**
 * Provers behind a socket: `weir prover` starts them, in a container of its own. A connection is one proof. Nothing that comes back is believed: sizes, shapes and
 * times are bounded as those of a child process are.
 */
export function remoteProvers(options: RemoteOptions): Provers {
  const link = new Link(options);
  return { start: () => new RemoteProver(link), delayMs: DELAY_MS };
}

/** What is known of the other side. It is told once when it goes, and once when it comes. */
class Link {
  private readonly options: RemoteOptions;
  /** `undefined`: nobody was asked yet. */
  private isThere: boolean | undefined;

  constructor(options: RemoteOptions) {
    this.options = options;
  }

  /** A connection; else why there is none. */
  async connect(): Promise<Socket | string> {
    const { path, log, metrics } = this.options;
    const found = await connected(path);
    if (typeof found !== "string") return found;
    metrics.proverFailed("unavailable");
    if (this.isThere !== false) log.warn("the prover does not answer; new modules wait for it", { socket: path, error: found });
    this.isThere = false;
    return `no prover answers at ${path} (${found}); see that weir prover runs there`;
  }

  answers(): void {
    if (this.isThere === false) this.options.log.info("the prover answers", { socket: this.options.path });
    this.isThere = true;
  }

  /** The connection of a proof ended before there was a verdict. */
  lost(why: string): void {
    this.options.metrics.proverFailed("lost");
    this.options.log.warn("the prover was lost during a proof", { socket: this.options.path, error: why });
  }
}

/** The code of the error when nobody is there. */
function connected(path: string): Promise<Socket | string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? messageOf(error)));
    socket.once("connect", () => resolve(socket));
  });
}

class RemoteProver implements Prover {
  hasEnded = false;
  private readonly link: Link;
  private readonly socket: Promise<Socket | string>;
  private opened: Socket | undefined;
  private isKilled = false;
  private onMessage: (header: unknown) => void = () => undefined;
  private onEnd: (end: End) => void = () => undefined;

  constructor(link: Link) {
    this.link = link;
    this.socket = link.connect();
    void this.socket.then((socket) => this.isKilled && typeof socket !== "string" && socket.destroy());
  }

  listen(onMessage: (header: unknown) => void, onEnd: (end: End) => void): void {
    [this.onMessage, this.onEnd] = [AsyncResource.bind(onMessage), AsyncResource.bind(onEnd)];
  }

  send(request: unknown, code: Uint8Array): void {
    void this.socket.then((socket) => {
      if (this.isKilled) return;
      if (typeof socket === "string") this.end(socket);
      else this.talk(socket, request, code);
    });
  }

  /** The other side watches. */
  usage(): undefined {
    return undefined;
  }

  kill(): void {
    this.isKilled = true;
    this.hasEnded = true;
    this.opened?.destroy();
  }

  private talk(socket: Socket, request: unknown, code: Uint8Array): void {
    this.opened = socket;
    const take = createFrameReader(ANSWER, ({ header }) => this.hear(header));
    socket.on("data", (chunk: Buffer) => {
      try {
        take(chunk);
      } catch {
        this.lose("the prover said what is no answer");
      }
    });
    let error = "";
    socket.on("error", (found) => {
      error = hasCode(found, "ECONNRESET", "EPIPE") ? "" : ` (${messageOf(found)})`;
    });
    socket.on("close", () => this.lose(`the prover ended${error}`));
    socket.write(encodeHead(request, code.length));
    socket.write(code);
  }

  private hear(header: unknown): void {
    const message = readMessage(header);
    if (this.hasEnded) return;
    this.link.answers();
    if (message?.kind === "later" && message.failure.reason === LOST) this.link.lost(message.failure.message);
    if (message === undefined) this.lose("the prover said what is no answer");
    else this.onMessage(header);
  }

  private lose(why: string): void {
    if (this.hasEnded) return;
    this.link.lost(why);
    this.end(why);
    this.opened?.destroy();
  }

  private end(loss: string): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.onEnd({ loss });
  }
}
