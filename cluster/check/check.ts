import type { Facts } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { access } from "./rules/access.ts";
import { admission } from "./rules/admission.ts";
import { apiServer } from "./rules/api-server.ts";
import { identity } from "./rules/identity.ts";
import { injection } from "./rules/injection.ts";
import { kinds } from "./rules/kinds.ts";
import { storage } from "./rules/storage.ts";
import { weir } from "./rules/weir.ts";

const RULES: readonly ((facts: Facts) => readonly Finding[])[] = [apiServer, kinds, access, weir, storage, injection, admission, identity];

/** What is missing or wrong, and what is well, from what is known of a cluster. Without an API server there is nothing else to say. */
export function judge(facts: Facts): readonly Finding[] {
  return facts.version.ok ? RULES.flatMap((rule) => rule(facts)) : apiServer(facts);
}
