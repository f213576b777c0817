import { createFairTurns } from "../../base/fair-turns.ts";
import type { Clock } from "../../model/clock.ts";
import type { ApiRequest, Fields, KubeApi } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { Applicant, Applicants, PlannedObjectId } from "../../model/plan.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { readClaims } from "../identity/claims.ts";
import { reviewRequest } from "../identity/token-review.ts";
import { type Refused, refusal } from "../refusal.ts";
import { Trouble } from "../trouble.ts";
import { accessRequest, isAllowed, nameOf, readSubject, type Subject, type Wanted } from "./access-review.ts";

export interface ApplicantsOptions {
  readonly api: KubeApi;
  /** What tokens must be made for: one for another server, the API server itself among them, is refused without asking. */
  readonly audience: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Requests to the API server at once, and who waits for them: by address, then by subject. */
const TURNS = { places: 8, waiting: 256, waitingPerKey: 64 };

const TOKENS: Refused = {
  verb: "create",
  resource: "tokenreviews.authentication.k8s.io",
  id: "who asks for a plan, which takes create subjectaccessreviews.authorization.k8s.io too",
};
const ACCESS: Refused = { verb: "create", resource: "subjectaccessreviews.authorization.k8s.io", id: "what somebody may apply" };

/** Why is in the log: a client could do nothing with it. */
const AWAY = failForNow("Unavailable", "the server could not ask the API server who this is and what it may do; its log says why");

/** Who may apply WasmFilters and what rules them, as the cluster says: a token is reviewed, and its subject needs the rights that `kubectl apply` would need. Nothing is remembered. */
export function createApplicants(options: ApplicantsOptions): Applicants {
  return new ReviewedApplicants(options);
}

class ReviewedApplicants implements Applicants {
  private readonly options: ApplicantsOptions;
  private readonly turns = createFairTurns(TURNS);
  private readonly trouble: Trouble;

  constructor(options: ApplicantsOptions) {
    this.options = options;
    const [what, again] = ["who asks for a plan cannot be reviewed", "who asks for a plan is reviewed again"];
    this.trouble = new Trouble(options.log, options.clock, what, again);
  }

  async find(authorization: string | undefined, address: string): Promise<Result<Applicant>> {
    const { audience, clock } = this.options;
    const [, token] = /^Bearer ([^\s]+)$/i.exec(authorization ?? "") ?? [];
    const how = `make one with kubectl create token NAME -n NAMESPACE --audience ${audience}`;
    if (token === undefined)
      return fail("Unauthorized", `this server asks who would apply the filters; send a token for the audience ${audience}: ${how}`);
    const claims = readClaims(token);
    if (!claims.ok || !claims.value.audiences.includes(audience))
      return fail("Unauthorized", `the token is not for the audience ${audience}; ${how}`);
    if (claims.value.until <= clock.now()) return fail("Unauthorized", `the token has ended; ${how}`);
    const review = await this.ask(address, reviewRequest(token, audience), TOKENS);
    if (!review.ok) return review;
    const subject = readSubject(review.value, audience);
    return subject.ok ? ok(this.applicant(subject.value)) : subject;
  }

  /** What it may do is asked anew for each plan, once for a namespace or, where it may not do it there to all, once for a filter. */
  private applicant(subject: Subject): Applicant {
    const known = new Map<string, Promise<Result<boolean>>>();
    const may = (verb: string, wanted: Wanted): Promise<Result<boolean>> => {
      const key = [verb, wanted.kind, wanted.namespace, wanted.name ?? ""].join(" ");
      const asked = known.get(key) ?? this.may(subject, verb, wanted);
      known.set(key, asked);
      return asked;
    };
    const mayTo = async (verb: string, { kind, namespace, name }: PlannedObjectId): Promise<Result<boolean>> => {
      const all = await may(verb, { kind, namespace });
      return !all.ok || all.value ? all : may(verb, { kind, namespace, name });
    };
    return {
      id: subject.user,
      async mayApply(object, exists) {
        for (const verb of exists ? ["get", "patch"] : ["create"]) {
          const allowed = await mayTo(verb, object);
          if (!allowed.ok) return allowed;
          if (!allowed.value) return fail("Forbidden", `${nameOf(subject)} may not ${verb} ${whyNot(object)}`);
        }
        return ok(undefined);
      },
    };
  }

  private async may(subject: Subject, verb: string, wanted: Wanted): Promise<Result<boolean>> {
    const review = await this.ask(subject.user, accessRequest(subject, verb, wanted), ACCESS);
    return review.ok ? ok(isAllowed(review.value)) : review;
  }

  private async ask(key: string, request: ApiRequest, what: Refused): Promise<Result<Fields>> {
    const answer = await this.turns.run(key, () => this.options.api.request(request));
    if (answer === undefined) return failForNow("Busy", "too many clients wait to be asked who they are; try again");
    if (!answer.ok) {
      this.trouble.note(refusal(what, answer.error).error.message);
      return AWAY;
    }
    this.trouble.over();
    return answer;
  }
}

function whyNot({ kind, namespace, name }: PlannedObjectId): string {
  if (namespace === "") return `${kind} ${name}; a plan is for who may apply it: ask for a ClusterRole that allows it, or plan without it`;
  return `${kind}s in namespace ${namespace}; a plan is for who may apply it: ask for a Role that allows it`;
}
