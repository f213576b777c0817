import type { Connection } from "../grpc/call.ts";

/** How many pauses between reports are remembered. The longest counts: a scrape of its admin port may make an Envoy report in between. */
const REMEMBERED = 4;
/** How long a proxy is silent, in its longest pause, before its main thread is asked. */
const LATE = 1.5;
/** How long before it counts as hung: in its longest pause, and in looks. A worker that loads a module of 64 MiB is back sooner. */
const SILENT = 3;
const SILENT_LOOKS = 6;
/** Answers of the main thread, a look apart, without a report between them: one may come just before a report that is late. */
const ANSWERS = 4;
/** The same for a proxy that is then gone: a watchdog ends an Envoy after some five seconds. */
const ANSWERS_IF_LOST = 2;

/**
 * Tells a proxy whose workers hang from one that is well, loads a module, or is cut off. Envoy streams its statistics only when every worker has handed
 * in its own: while one hangs, no report comes at all. Its main thread goes on acknowledging whatever it is sent, and answers pings. So: reports stay out
 * though the main thread answers. While that is busy with a module, or the network is gone, no ping is answered and nothing is concluded.
 *
 * Time is counted in looks, one a second: a look is a second in which this process was awake. A clock that is set, or a machine that was paused,
 * makes nobody silent.
 */
export class Pulse {
  /** Milliseconds since the epoch of the last report of a proxy whose workers hang; `undefined`: nothing says that they do. */
  hungSince: number | undefined = undefined;
  private heardAt: number | undefined = undefined;
  /** Looks since the last report. */
  private silence = 0;
  /** Looks between the last reports, the newest last. */
  private readonly pauses: number[] = [];
  private answers = 0;
  private asking = false;
  private connection: Pick<Connection, "probe"> | undefined = undefined;

  /** A report came on this connection. `now`: milliseconds since the epoch. */
  heard(now: number, connection: Pick<Connection, "probe">): void {
    if (this.silence > 0 && this.heardAt !== undefined && this.connection === connection) {
      this.pauses.push(this.silence);
      if (this.pauses.length > REMEMBERED) this.pauses.shift();
    }
    Object.assign(this, { connection, heardAt: now, silence: 0, answers: 0, hungSince: undefined });
  }

  /** To be called once a second. `hung` is called, maybe later, when the workers turn out to hang. */
  look(hung: () => void): void {
    const { heardAt, connection } = this;
    if (heardAt === undefined || connection === undefined) return;
    const silence = ++this.silence;
    const pause = Math.max(...this.pauses);
    if (this.pauses.length === 0 || this.hungSince !== undefined || this.asking || silence < LATE * pause) return;
    this.asking = true;
    connection.probe((answered) => {
      this.asking = false;
      if (!answered || this.connection !== connection || this.silence < silence) return;
      this.answers++;
      if (this.hungSince !== undefined || this.answers < ANSWERS || silence < Math.max(SILENT_LOOKS, SILENT * pause)) return;
      this.hungSince = heardAt;
      hung();
    });
  }

  /** The proxy has no stream any more. */
  lost(): void {
    if (this.answers >= ANSWERS_IF_LOST) this.hungSince ??= this.heardAt;
    Object.assign(this, { connection: undefined, answers: 0 });
  }

  /** It came back as a new process, which has reported nothing yet. */
  renewed(): void {
    Object.assign(this, { hungSince: undefined, heardAt: undefined, silence: 0, answers: 0, connection: undefined });
    this.pauses.length = 0;
  }
}
