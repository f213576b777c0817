import { RFC3161Timestamp } from "@sigstore/core";
import type { SignedEntity } from "@sigstore/verify";

/** Seconds with a fraction of however many digits: DER has no zero at its end. https://www.rfc-editor.org/rfc/rfc3161#section-2.4.2 */
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z$/;

/**
 * A timestamp by whose second the verifier goes. `@sigstore/core` does so too, but takes fractions of three digits alone: of an authority that stamps milliseconds it
 * refuses one in ten.
 */
class StampedInSecond extends RFC3161Timestamp {
  override get signingTime(): Date {
    const [, year, month, day, hour, minute, second] = GENERALIZED_TIME.exec(String(this.tstInfo.root.subs[4]?.value)) ?? [];
    if (year === undefined) return super.signingTime;
    return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  }
}

/** What is to be verified, with timestamps of every fraction of a second. */
export function withTimestamps(entity: SignedEntity): SignedEntity {
  const timestamps = entity.timestamps.map((each) =>
    each.$case === "timestamp-authority" ? { ...each, timestamp: new StampedInSecond(each.timestamp.root) } : each,
  );
  return { ...entity, timestamps };
}

/** When it was stamped, to the second. Throws where it is no timestamp. */
export function stampedAt(der: Buffer<ArrayBuffer>): Date {
  return new StampedInSecond(RFC3161Timestamp.parse(der).root).signingTime;
}
