import type { Connection } from "../grpc/call.ts";

/** Between looks. */
export const LOOK_MS = 1_000;
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
 *
 * What a proxy says of its reports when it connects counts as a pause between them, so it is judged before any came. Of one that does not say, two
 * reports must have come.
 */
export class Pulse {
  /** Milliseconds since the epoch of the last report of a proxy whose workers hang, of its connection if there was none; `undefined`: nothing says that they do. */
  hungSince: number | undefined = undefined;
  /** Milliseconds since the epoch: when a new process took the place of one that had ended while its reports were overdue. */
  endedAt: number | undefined = undefined;
  /** How often it says that it reports, in milliseconds; `undefined`: it does not say, or its reports come where they do not count. */
  expectedMs: number | undefined = undefined;
  private heardAt: number | undefined = undefined;
  /** Looks since the last report. */
  private silence = 0;
  /** Looks between the last reports, the newest last. */
  private readonly pauses: number[] = [];
  private answers = 0;
  private asking = false;
  private connection: Pick<Connection, "probe"> | undefined = undefined;
  private lostOverdue = false;

  /** It has a stream on this connection, and says how often it reports. `now`: milliseconds since the epoch. */
  opened(now: number, connection: Pick<Connection, "probe">, expectedMs: number | undefined): void {
    this.expectedMs = expectedMs;
    if (expectedMs !== undefined) Object.assign(this, { connection, heardAt: this.heardAt ?? now, silence: 0, answers: 0 });
  }

  /** A report came on this connection. `now`: milliseconds since the epoch. */
  heard(now: number, connection: Pick<Connection, "probe">): void {
    if (this.silence > 0 && this.heardAt !== undefined && this.connection === connection) {
      this.pauses.push(this.silence);
      if (this.pauses.length > REMEMBERED) this.pauses.shift();
    }
    Object.assign(this, { connection, heardAt: now, silence: 0, answers: 0, hungSince: undefined, lostOverdue: false });
  }

  /** A report came on another connection than that of the proxy's stream: another process of it may be taking over, as in a hot restart. Nothing is concluded. */
  heardElsewhere(): void {
    Object.assign(this, { expectedMs: undefined, silence: 0, answers: 0 });
  }

  /** To be called once a second. `hung` is called, maybe later, when the workers turn out to hang. */
  look(hung: () => void): void {
    const { heardAt, connection } = this;
    if (heardAt === undefined || connection === undefined) return;
    const silence = ++this.silence;
    const { pause } = this;
    if (pause === undefined || this.hungSince !== undefined || this.asking || silence < LATE * pause) return;
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
    this.lostOverdue = this.isOverdue;
    Object.assign(this, { connection: undefined, answers: 0 });
  }

  /** It came back as a new process, which has reported nothing yet. `now`: milliseconds since the epoch. */
  renewed(now: number): void {
    if (this.isOverdue) this.endedAt = now;
    Object.assign(this, { hungSince: undefined, silence: 0, answers: 0, lostOverdue: false });
    if (this.expectedMs === undefined) Object.assign(this, { heardAt: undefined, connection: undefined });
    else this.heardAt = now;
    this.pauses.length = 0;
  }

  /** The longest pause between its reports, in looks, as far as it is known. */
  private get pause(): number | undefined {
    if (this.pauses.length === 0 && this.expectedMs === undefined) return undefined;
    return Math.max(1, (this.expectedMs ?? 0) / LOOK_MS, ...this.pauses);
  }

  /** True while its reports are overdue, or where they were when it was lost. */
  get isOverdue(): boolean {
    const { pause } = this;
    return this.lostOverdue || this.hungSince !== undefined || (pause !== undefined && this.silence > LATE * pause + 1);
  }
}
