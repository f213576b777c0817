import type { Facts } from "../facts.ts";
import { about, type Finding } from "../finding.ts";

const MEANWHILE = "until then WasmFilters are stored without being judged first";

/** Whether WasmFilters are judged before they are stored. A service to people: nothing fails without it, and nobody would notice. */
export function admission({ admission: found, admits, refusal }: Facts): readonly Finding[] {
  const line = about("admission");
  if (!found.ok) {
    if (found.error.status !== 404) return [line.unknown(found.error)];
    return admits
      ? [line.warn(`Weir's ValidatingWebhookConfiguration is not there; make it as the chart does: ${MEANWHILE}`)]
      : [line.ok("is off: what is wrong with a WasmFilter is told by its status alone")];
  }
  if (!admits)
    return [
      line.warn("a ValidatingWebhookConfiguration is there, and Weir is not told to answer; set admission.enabled=true, or delete it"),
    ];
  if (refusal === undefined)
    return [
      line.warn(
        `it has no caBundle yet, which Weir writes when it starts: ${MEANWHILE}; see whether Weir may patch validatingwebhookconfigurations`,
      ),
    ];
  if (refusal.ok)
    return [
      line.warn(
        `a WasmFilter that cannot be was let through, so Weir does not answer: ${MEANWHILE}; see Weir's log, and whether a NetworkPolicy keeps the API server from port 18443`,
      ),
    ];
  const { status, message } = refusal.error;
  if (/denied the request/.test(message)) return [line.ok("a WasmFilter that cannot be is refused before it is stored")];
  // Nobody is given that right for a test: who may create in Weir's own namespace reaches all proxies.
  return status === 403
    ? [line.ok("it has its caBundle; whether Weir answers was not tried, for this account may not create wasmfilters")]
    : [line.unknown(refusal.error)];
}
