import { ok, type Result } from "../../model/result.ts";
import type { InspectOptions } from "../../oci/index.ts";
import { defineCommand } from "../args/command.ts";
import { readCount } from "../args/count.ts";
import { outputFlag } from "../fleet/flags.ts";
import { listLocal } from "../local-images.ts";
import { registryAccess, registryFlags } from "../modules.ts";
import { printJson, printNote } from "../output.ts";
import type { Terminal } from "../terminal.ts";

export const list = defineCommand({
  name: "list",
  summary: "List the images on this machine, or the tags of a repository",
  about: `Without REPOSITORY: what \`weir build -t\` and \`weir pull\` keep on this machine, in $XDG_DATA_HOME/weir/images. An image whose tag went to another one is shown with the tag <none>;
    of these the newest 20 are kept. With REPOSITORY the registry is asked for its tags, and for what is at each of them: digest, size, the ABI and the time that the image says, and whether
    there is a signature (not whether it holds). It shows --limit of them at a time, and says when there are more; --tags shows all, by name alone. \`weir inspect REPOSITORY:TAG\`
    shows one of them.`,
  args: { repository: { value: "REPOSITORY", optional: true, help: "registry/repository, or oci-layout:DIR:TAG with any tag" } },
  flags: {
    tags: {
      type: "boolean",
      help: "with REPOSITORY: the tags alone, one a line; that is one request, where the others are two for each tag",
    },
    limit: { type: "string", value: "COUNT", help: "with REPOSITORY: so many tags at a time", fallback: "100" },
    after: { type: "string", value: "TAG", help: "with REPOSITORY: only tags behind this one, in the order of their names" },
    ...registryFlags,
    ...outputFlag,
  },
  examples: [
    { does: "what is on this machine", command: "weir list" },
    { does: "the versions of a filter", command: "weir list registry.example/filters/add-header" },
    { does: "their tags for a script", command: "weir list registry.example/filters/add-header --tags" },
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
    if (!flags.tags) return listAll(args.repository, access.value, flags, terminal);
    const { imageTags, listTags } = await import("../../oci/index.ts");
    const listed = await listTags(args.repository, access.value);
    if (!listed.ok) return listed;
    const tags = imageTags(listed.value);
    if (isJson) printJson(tags, terminal);
    else terminal.out(tags.map((tag) => `${tag}\n`).join(""));
    return ok(undefined);
  },
});

interface PageFlags {
  readonly limit: string;
  readonly after: string | undefined;
  readonly output: "json" | undefined;
}

/** What is at each tag. */
async function listAll(repository: string, access: InspectOptions, flags: PageFlags, terminal: Terminal): Promise<Result<void>> {
  const limit = readCount(flags.limit, "--limit");
  if (!limit.ok) return limit;
  const [{ listImages }, { listedDocument, renderListed }] = await Promise.all([
    import("../../oci/index.ts"),
    import("../render/listed.ts"),
  ]);
  const listed = await listImages(repository, { ...access, limit: limit.value ?? 1, after: flags.after });
  if (!listed.ok) return listed;
  const { images, isCut } = listed.value;
  const next = isCut ? (images.at(-1)?.tag ?? null) : null;
  if (flags.output === "json") printJson({ images: images.map(listedDocument), next }, terminal);
  else terminal.out(renderListed(images, terminal.now()));
  if (next !== null) printNote(`there are more tags; --after ${next} goes on`, terminal);
  return ok(undefined);
}
