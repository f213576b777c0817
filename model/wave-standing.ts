/** How the proxies of one wave of a rollout stand, those that are connected and those that are lost. Each proxy is in the first wave that reaches it. */
export interface WaveStanding {
  /** From 1. */
  readonly step: number;
  /** Up to which share of the proxies it goes. */
  readonly percent: number;
  /** Proxies that run the target. */
  readonly updated: number;
  /** Proxies that are due the target and do not run it, or hang. */
  readonly awaited: number;
  /** Proxies that rejected it. */
  readonly rejected: number;
  /** Proxies that are not due it yet. */
  readonly later: number;
  /** Proxies that are not connected, and did not reject it. */
  readonly lost: number;
}
