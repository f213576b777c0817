import type { Violation } from "../../model/policy.ts";
import { audited } from "../policy/events.ts";
import { describeViolation, enforced, judge } from "../policy/judge.ts";
import type { Permits } from "../policy/permits.ts";
import type { AdmissionCheck, Findings, Subject } from "./check.ts";

/** Refuses what violates a policy by what its spec says, and warns where a policy is only audited. The module is judged when it is there. */
export function policyCheck({ rulesOf, subjectOf }: Permits): AdmissionCheck {
  return {
    fields: ["image", "url", "digest", "tagPolicy", "capabilities", "slot", "failurePolicy"],
    judge({ filter }: Subject): Findings {
      const rules = rulesOf(filter.key.namespace);
      if (!rules.known) return { warnings: ["it is not known what policies allow: nothing new goes out before that"] };
      const violations = judge(rules.policies, subjectOf(filter, rules.policies));
      return { refusals: enforced(violations).map(refusalOf), warnings: audited(violations).map(describeViolation) };
    },
  };
}

function refusalOf(violation: Violation) {
  const { field: path, policy, rule, message } = violation;
  return { path, message: `${message} (WasmPolicy ${policy}, rule ${rule})` };
}
