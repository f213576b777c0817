import type { Clock } from "../../model/clock.ts";
import type { Connection } from "../grpc/call.ts";
import type { Proxies } from "./proxies.ts";
import type { Opened, ProxyRecord } from "./proxy.ts";
import { LOOK_MS } from "./pulse.ts";

/** Looks at the pulse of each proxy that reports, or says that it does, once a second, and tells the listeners of the fleet who hangs and who came back. */
export class Pulses {
  private readonly proxies: Proxies;
  private readonly clock: Clock;
  /** Those that report, or say that they do, and have a stream. */
  private readonly reporting = new Set<ProxyRecord>();

  constructor(proxies: Proxies, clock: Clock) {
    this.proxies = proxies;
    this.clock = clock;
  }

  /** The proxy's oldest stream is this one now. */
  opened(record: ProxyRecord, { node, connection }: Opened): void {
    if (connection === undefined) return;
    record.pulse.opened(this.clock.now(), connection, node.reportsEveryMs);
    if (node.reportsEveryMs !== undefined) this.follow(record);
  }

  /** A report came on the connection of the proxy's oldest stream. */
  heard(record: ProxyRecord, connection: Pick<Connection, "probe">): void {
    const hung = record.pulse.hungSince !== undefined;
    record.pulse.heard(this.clock.now(), connection);
    if (hung) this.proxies.touch(record);
    this.follow(record);
  }

  /** A report came on another connection. */
  heardElsewhere(record: ProxyRecord): void {
    const said = record.pulse.expectedMs !== undefined;
    record.pulse.heardElsewhere();
    if (said) this.proxies.touch(record);
  }

  private follow(record: ProxyRecord): void {
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
