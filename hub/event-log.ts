import { randomUUID } from "node:crypto";

export interface EventLogLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** What a reader who comes back missed. */
export type Missed =
  /** `changes`: the frames of the changes, in their order; `state`: something else changed too. */
  | { readonly kind: "known"; readonly changes: readonly string[]; readonly state: boolean }
  /** It cannot be told any more. */
  | { readonly kind: "lost"; readonly why: string };

/**
 * The last events, each with an id: which process told it, and its number there. A reader who says the last id it had is told what it missed
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header).
 */
export interface EventLog {
  /** Writes down a change, and gives its frame. `data`: one line. */
  addChange(data: string): string;
  /** As `addChange`, of what is no more as it was. It is not kept: all that one needs to know is that there was one. */
  addState(): string;
  /** The id of the newest event, which is the place of a reader who comes now. */
  place(): string;
  /** What came after the event of this id. */
  since(id: string): Missed;
}

interface Kept {
  readonly number: number;
  readonly frame: string;
}

export function createEventLog({ maxEvents, maxBytes }: EventLogLimits, process = randomUUID().slice(0, 8)): EventLog {
  const kept: Kept[] = [];
  let bytes = 0;
  let last = 0;
  let lastState = 0;
  /** Changes up to this one are not kept any more. */
  let forgotten = 0;

  const idOf = (number: number) => `${process}-${number}`;

  function forget(): void {
    while (kept.length > maxEvents || bytes > maxBytes) {
      const oldest = kept.shift();
      if (oldest === undefined) return;
      bytes -= oldest.frame.length;
      forgotten = oldest.number;
    }
  }

  return {
    addChange(data) {
      const frame = `id: ${idOf(++last)}\nevent: change\ndata: ${data}\n\n`;
      kept.push({ number: last, frame });
      bytes += frame.length;
      forget();
      return frame;
    },
    addState() {
      lastState = ++last;
      return `id: ${idOf(last)}\nevent: state\ndata: {}\n\n`;
    },
    place: () => idOf(last),
    since(id) {
      const [, from, digits = ""] = /^([\w-]{1,64})-(\d{1,15})$/.exec(id) ?? [];
      const number = Number(digits);
      if (from !== process || number > last) return { kind: "lost", why: "the id is of another process" };
      if (number < forgotten) return { kind: "lost", why: "the id is too old" };
      const changes = kept.filter((event) => event.number > number).map(({ frame }) => frame);
      return { kind: "known", changes, state: lastState > number };
    },
  };
}
