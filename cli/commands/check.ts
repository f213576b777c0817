import { count } from "../../base/text.ts";
import type { Finding } from "../../cluster/index.ts";
import { fail, ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { manifestsFlag, outputFlag, weirFlags } from "../fleet/flags.ts";
import { printJson } from "../output.ts";
import { renderFindings } from "../render/findings.ts";

const TIMEOUT_MS = 15_000;

export const check = defineCommand({
  name: "check",
  summary: "Look at a cluster and say what is missing or wrong",
  about: `Looks at the API server and its clock, Weir's kinds, rights, Deployment and image, volumes, injection, how pods can prove who they are, and policies that match nothing or contradict each other. Each line is ok, warn or
    fail, and says what to do. It changes nothing: the only pod that it makes is a dry run. What whoever asks may not see is told as a warning. The exit status is 1 when a line fails.

    With -f it looks at policies as they would be once these manifests were applied, and says which filters among them would violate one by what their spec says.`,
  args: {},
  flags: {
    file: { ...manifestsFlag, help: "manifests to look at as if they were applied: a file, a folder, or - for stdin" },
    ...weirFlags,
    ...outputFlag,
  },
  examples: [
    { does: "after an install", command: "weir check" },
    { does: "policies and filters before they are applied, with those that are there", command: "weir check -f policies/ -f filters/" },
    { does: "for a script", command: "weir check -n weir-system -o json" },
  ],
  async run({ flags }, terminal) {
    const { loadKubeconfig } = await import("../fleet/kubeconfig.ts");
    const config = loadKubeconfig({ kubeconfig: flags.kubeconfig, context: flags.context, env: terminal.env });
    if (!config.ok) return config;
    const [{ createKubeApi }, { gather, judge }, { ownKinds }, { policyFindings }, { readAllManifests }] = await Promise.all([
      import("../../operator/index.ts"),
      import("../../cluster/index.ts"),
      import("../fleet/own-kinds.ts"),
      import("../fleet/policy-findings.ts"),
      import("../fleet/manifests.ts"),
    ]);
    const manifests = await readAllManifests(flags.file, terminal);
    if (!manifests.ok) return manifests;
    const api = createKubeApi({ kubeConfig: config.value, timeoutMs: TIMEOUT_MS });
    const facts = await gather({ api, namespace: flags.namespace, kinds: ownKinds(), now: terminal.now });
    const findings = [...judge(facts), ...(await policyFindings(api, manifests.value))];
    if (flags.output === "json") printJson({ server: api.server, namespace: flags.namespace, findings }, terminal);
    else terminal.out(renderFindings(findings, terminal.color));
    const failed = findings.filter(({ status }: Finding) => status === "fail").length;
    return failed === 0 ? ok(undefined) : fail("CheckFailed", `${count(failed, "check")} failed at ${api.server}`);
  },
});
