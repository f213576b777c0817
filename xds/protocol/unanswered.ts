import { setBounded } from "../../base/bounded-map.ts";
import type { Item } from "./subscription.ts";

/** A response as it was sent. */
export interface SentResponse {
  readonly nonce: string;
  readonly items: readonly Item[];
  /** Stands for the content of a full-state response, which is accepted or rejected as a whole; `undefined` for the others. */
  readonly whole: string | undefined;
  /** When it was sent. */
  readonly at: number;
}

/** How many responses may be without an answer before the oldest is given up: each name that a stream may subscribe to can be sent in a response of its own. */
const MAX_UNANSWERED = 10_000;

/** The responses of one subscription that wait for their answer. */
export class Unanswered {
  /** Nonce of the newest response, with or without an answer; empty before the first. */
  lastNonce = "";
  private newest: SentResponse | undefined;
  /** Nonce -> a response sent before the newest; the oldest comes first. Created when it is needed: usually the newest is the only one. */
  private older: Map<string, SentResponse> | undefined;

  /** Returns the response that is given up to make room, if there is one. */
  add(response: SentResponse): SentResponse | undefined {
    const overtaken = this.newest;
    this.newest = response;
    this.lastNonce = response.nonce;
    if (overtaken === undefined) return undefined;
    this.older ??= new Map();
    return setBounded(this.older, overtaken.nonce, overtaken, MAX_UNANSWERED - 1);
  }

  has(nonce: string): boolean {
    return this.newest?.nonce === nonce || (this.older?.has(nonce) ?? false);
  }

  /** The response that this nonce answers. It is not unanswered any more. */
  take(nonce: string): SentResponse | undefined {
    const { newest, older } = this;
    if (newest?.nonce === nonce) {
      this.newest = undefined;
      return newest;
    }
    const found = older?.get(nonce);
    if (older?.delete(nonce) && older.size === 0) this.older = undefined;
    return found;
  }
}
