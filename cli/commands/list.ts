import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { outputFlag } from "../fleet/flags.ts";
import { registryAccess, registryFlags } from "../modules.ts";
import { printJson } from "../output.ts";

export const list = defineCommand({
  name: "list",
  summary: "List the tags of a repository, or of an OCI image layout folder",
  about: "Asks the registry. `weir inspect REPOSITORY:TAG` shows one of them.",
  args: { repository: { value: "REPOSITORY", help: "registry/repository, or oci-layout:DIR:TAG with any tag" } },
  flags: { ...registryFlags, ...outputFlag },
  examples: [{ does: "the versions of a filter", command: "weir list registry.example/filters/add-header" }],
  async run({ flags, args }, terminal) {
    const access = await registryAccess(args.repository, flags, terminal.env);
    if (!access.ok) return access;
    const { listTags } = await import("../../oci/index.ts");
    const tags = await listTags(args.repository, access.value);
    if (!tags.ok) return tags;
    if (flags.output === "json") printJson(tags.value, terminal);
    else terminal.out(tags.value.map((tag) => `${tag}\n`).join(""));
    return ok(undefined);
  },
});
