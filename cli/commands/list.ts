import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { outputFlag } from "../fleet/flags.ts";
import { listLocal } from "../local-images.ts";
import { registryAccess, registryFlags } from "../modules.ts";
import { printJson, printNote } from "../output.ts";

export const list = defineCommand({
  name: "list",
  summary: "List the images on this machine, or the tags of a repository",
  about: `Without REPOSITORY: what \`weir build -t\` and \`weir pull\` keep on this machine, in $XDG_DATA_HOME/weir/images. An image whose tag went to another one is shown with the tag <none>;
    of these the newest 20 are kept. With REPOSITORY the registry is asked for its tags; \`weir inspect REPOSITORY:TAG\` shows one of them.`,
  args: { repository: { value: "REPOSITORY", optional: true, help: "registry/repository, or oci-layout:DIR:TAG with any tag" } },
  flags: { ...registryFlags, ...outputFlag },
  examples: [
    { does: "what is on this machine", command: "weir list" },
    { does: "the versions of a filter", command: "weir list registry.example/filters/add-header" },
  ],
  async run({ flags, args }, terminal) {
    const isJson = flags.output === "json";
    if (args.repository === undefined) {
      const images = await listLocal(terminal.env);
      if (!images.ok) return images;
      const { localImageDocument, renderLocalImages } = await import("../render/local-images.ts");
      if (isJson) printJson(images.value.map(localImageDocument), terminal);
      else if (images.value.length > 0) terminal.out(renderLocalImages(images.value, terminal.now()));
      else printNote("there are no images on this machine; weir build -t or weir pull brings one", terminal);
      return ok(undefined);
    }
    const access = await registryAccess(args.repository, flags, terminal.env);
    if (!access.ok) return access;
    const { listTags } = await import("../../oci/index.ts");
    const tags = await listTags(args.repository, access.value);
    if (!tags.ok) return tags;
    if (isJson) printJson(tags.value, terminal);
    else terminal.out(tags.value.map((tag) => `${tag}\n`).join(""));
    return ok(undefined);
  },
});
