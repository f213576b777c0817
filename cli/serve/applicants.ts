import { isLoopback } from "../../base/loopback.ts";
import { createApplicants } from "../../cluster/index.ts";
import type { Readers } from "../../hub/index.ts";
import type { Clock } from "../../model/clock.ts";
import { TOKEN_AUDIENCE } from "../../model/identity.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { Applicants } from "../../model/plan.ts";
import { fail, ok } from "../../model/result.ts";
import type { Address } from "../args/address.ts";

export interface ApplicantsChoice {
  /** The cluster that says who may apply; `undefined`: filters come from a folder. */
  readonly cluster: ClusterAccess | undefined;
  readonly http: Address;
  readonly readers: Readers | undefined;
  /** What tokens of ServiceAccounts are made for. */
  readonly tokenAudience: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who may ask for plans: in a cluster who may apply what is planned; with a folder who is on this machine, and a reader where there are readers. */
export function applicantsOf({ cluster, http, readers, tokenAudience = TOKEN_AUDIENCE, clock, log }: ApplicantsChoice): Applicants {
  if (cluster !== undefined) return createApplicants({ api: cluster.api, audience: tokenAudience, clock, log });
  const isLocal = isLoopback(http.host);
  return {
    async find(authorization) {
      if (!isLocal)
        return fail("Forbidden", "this server has no cluster to ask who may apply filters, so it plans on loopback only (--http-address)");
      const allowed = readers?.check(authorization) ?? ok(undefined);
      return allowed.ok ? ok({ id: "local", mayApply: async () => ok(undefined) }) : allowed;
    },
  };
}
