import type { Section } from "../args/command.ts";
import { apply } from "./apply.ts";
import { attest } from "./attest.ts";
import { bench } from "./bench.ts";
import { bootstrap } from "./bootstrap.ts";
import { build } from "./build.ts";
import { bump } from "./bump.ts";
import { cache } from "./cache.ts";
import { check } from "./check.ts";
import { completion } from "./completion.ts";
import { copy } from "./copy.ts";
import { remove } from "./delete.ts";
import { describe } from "./describe.ts";
import { dev } from "./dev.ts";
import { diff } from "./diff.ts";
import { get } from "./get.ts";
import { history } from "./history.ts";
import { identityIssue } from "./identity.ts";
import { init } from "./init.ts";
import { inject } from "./inject.ts";
import { inspect } from "./inspect.ts";
import { list } from "./list.ts";
import { login } from "./login.ts";
import { logout } from "./logout.ts";
import { plan } from "./plan.ts";
import { describePolicy, getPolicies } from "./policies.ts";
import { promote } from "./promote.ts";
import { prover } from "./prover.ts";
import { proxies } from "./proxies.ts";
import { pull } from "./pull.ts";
import { push } from "./push.ts";
import { refresh } from "./refresh.ts";
import { rmi } from "./rmi.ts";
import { rollback } from "./rollback.ts";
import { rollout } from "./rollout.ts";
import { run } from "./run.ts";
import { serve } from "./serve.ts";
import { sign } from "./sign.ts";
import { test } from "./test.ts";
import { trustRootFetch } from "./trust-root.ts";
import { ui } from "./ui.ts";
import { verify } from "./verify.ts";
import { version } from "./version.ts";

/** Every command, in the order and under the headings of `weir --help`. */
export const SECTIONS: readonly Section[] = [
  { title: "Server and proxies", commands: [serve, ui, check, identityIssue, trustRootFetch, bootstrap, inject, ...cache] },
  {
    title: "Filters, for their authors",
    commands: [init, dev, build, test, bench, run, verify, inspect, push, sign, attest, pull, copy, list, rmi, login, logout],
  },
  {
    title: "Fleet",
    commands: [
      apply,
      plan,
      get,
      getPolicies,
      describe,
      describePolicy,
      proxies,
      history,
      diff,
      rollback,
      refresh,
      promote,
      bump,
      ...rollout,
      remove,
    ],
  },
  { title: "This program", commands: [completion, version] },
  { title: "What other programs run", commands: [prover], isHidden: true },
];
