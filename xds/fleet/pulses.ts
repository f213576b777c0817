import type { Clock } from "../../model/clock.ts";
import type { Connection } from "../grpc/call.ts";
import type { Proxies } from "./proxies.ts";
import type { ProxyRecord } from "./proxy.ts";

const LOOK_MS = 1_000;

/** Looks at the pulse of each proxy that reports, once a second, and tells the listeners of the fleet who hangs and who came back. */
export class Pulses {
  private readonly proxies: Proxies;
  private readonly clock: Clock;
  /** Those that report and have a stream. */
  private readonly reporting = new Set<ProxyRecord>();

  constructor(proxies: Proxies, clock: Clock) {
    this.proxies = proxies;
    this.clock = clock;
  }

  /** A report came. */
  heard(record: ProxyRecord, connection: Pick<Connection, "probe">): void {
    const hung = record.pulse.hungSince !== undefined;
    record.pulse.heard(this.clock.now(), connection);
    if (hung) this.proxies.touch(record);
    if (this.reporting.size === 0) this.clock.after(LOOK_MS, () => this.look());
    this.reporting.add(record);
  }

  private look(): void {
    for (const record of this.reporting) {
      if (record.streams.size === 0) this.reporting.delete(record);
      else record.pulse.look(() => this.proxies.touch(record));
    }
    if (this.reporting.size > 0) this.clock.after(LOOK_MS, () => this.look());
  }
}
