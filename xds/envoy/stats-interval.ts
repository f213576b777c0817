/** In node.metadata: how often the proxy reports its statistics, the value of `stats_flush_interval` in its bootstrap. */
export const STATS_INTERVAL_KEY = "WEIR_STATS_INTERVAL";

/** What Envoy takes as `stats_flush_interval`, in milliseconds; the upper one is excluded. https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto */
const SHORTEST_MS = 1;
const LONGEST_MS = 300_000;

/** `"1s"`, `"0.250s"` (a duration as protobuf writes it in JSON) -> milliseconds; `undefined` for anything that Envoy would not take either. */
export function parseStatsInterval(value: unknown): number | undefined {
  if (typeof value !== "string" || !/^\d{1,3}([.]\d{1,9})?s$/.test(value)) return undefined;
  const ms = Number(value.slice(0, -1)) * 1_000;
  return ms >= SHORTEST_MS && ms < LONGEST_MS ? ms : undefined;
}
