import type { Digest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { type AuthorOf, changesOf } from "../read/changes.ts";
import type { FleetSnapshot } from "../read/fleet-snapshot.ts";
import { groupTable } from "./fleet.ts";
import { changeTable } from "./history.ts";
import { type Html, html } from "./html.ts";

export interface DigestPageInput {
  readonly digest: Digest;
  readonly filters: readonly WasmFilter[];
  readonly fleet: FleetSnapshot;
  readonly authorOf: AuthorOf;
  readonly now: number;
}

/** Who runs a digest, or had it: of an image's manifest, or of a module. */
export function digestPage({ digest, filters, fleet: { groups }, authorOf, now }: DigestPageInput): Html {
  const running = groups.filter((group) => group.digest === digest || group.wasmDigest === digest);
  const changes = changesOf(filters).filter(({ item }) => item.digest === digest || item.wasmDigest === digest);
  const proxies = running.reduce((sum, { count }) => sum + count, 0);
  return html`<h1>Digest</h1>
<p class="panel"><code class="whole">${digest}</code></p>
<section aria-labelledby="runs"><h2 id="runs">Runs now: ${proxies} times</h2>${groupTable(running)}</section>
<section aria-labelledby="was"><h2 id="was">In the history of filters</h2>${changeTable(changes, authorOf, now)}</section>`;
}
