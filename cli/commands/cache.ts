import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { age } from "../../base/elapsed.ts";
import { whyUnread } from "../../base/error.ts";
import { count } from "../../base/text.ts";
import { shortDigest } from "../../model/digest.ts";
import { silentLog } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { CachedModule, ModuleStore } from "../../oci/index.ts";
import { parseByteSize } from "../args/byte-size.ts";
import { type Command, defineCommand } from "../args/command.ts";
import { outputFlag } from "../fleet/flags.ts";
import { printJson, printNote } from "../output.ts";
import { table } from "../render/table.ts";
import { lockData } from "../serve/data-lock.ts";
import { dataFlag } from "../serve/store-flags.ts";

const ls = defineCommand({
  name: "cache ls",
  summary: "List the modules that a server keeps on disk",
  about: `Reads the server's data folder and changes nothing, so it may run beside the server: kubectl exec deploy/weir -- weir cache ls. NEEDED says whether a kept revision needs the module,
    as the server wrote down last; what was used since counts as needed too.`,
  args: {},
  flags: { data: dataFlag, ...outputFlag },
  examples: [{ does: "what is there", command: "weir cache ls --data /var/lib/weir/data" }],
  async run({ flags }, terminal) {
    const opened = await open(flags.data);
    if (!opened.ok) return opened;
    const modules = await opened.value.list();
    const damaged = await opened.value.damaged();
    if (flags.output === "json") printJson({ modules: modules.map(document), damaged }, terminal);
    else if (modules.length > 0) terminal.out(await render(modules, terminal.now()));
    else printNote("there are no modules in the store", terminal);
    if (damaged.length > 0)
      printNote(`${count(damaged.length, "damaged file")} in the folder damaged: the server moved them there`, terminal);
    return ok(undefined);
  },
});

const verify = defineCommand({
  name: "cache verify",
  summary: "Read every module that a server keeps on disk, and tell which are damaged",
  about: `Compares each file with its digest. It changes nothing, so it may run beside the server, which reads every module again once a day by itself (weir serve --store-scrub-interval), moves a damaged
    one away and pulls it again. Exit status 1 when one is damaged.`,
  args: {},
  flags: { data: dataFlag, ...outputFlag },
  examples: [{ does: "after a fault of the disk", command: "weir cache verify --data /var/lib/weir/data" }],
  async run({ flags }, terminal) {
    const opened = await open(flags.data);
    if (!opened.ok) return opened;
    const all = await opened.value.list();
    const damaged = await opened.value.verify();
    if (flags.output === "json") printJson({ modules: all.length, damaged }, terminal);
    else
      terminal.out(`${count(all.length, "module")} read, ${damaged.length} damaged\n${damaged.map((digest) => `  ${digest}\n`).join("")}`);
    if (damaged.length === 0) return ok(undefined);
    return fail(
      "ModuleDamaged",
      `${count(damaged.length, "module")} of ${flags.data} ${damaged.length === 1 ? "is" : "are"} damaged; the server pulls them again when it reads them: check the disk`,
    );
  },
});

const prune = defineCommand({
  name: "cache prune",
  summary: "Remove modules that no kept revision needs, while the server is stopped",
  about: `A running server holds to its --store-quota by itself; prune is refused then. What is needed is known from what the server wrote down last, and what was used since is kept too. With --to
    the least recently used go until so much is left. What a killed process left half written goes as well.`,
  args: {},
  flags: {
    to: { type: "string", value: "SIZE", help: "how much may stay, in bytes or as 1Gi; what is needed stays in any case", fallback: "0" },
    data: dataFlag,
    ...outputFlag,
  },
  examples: [{ does: "all that nobody needs", command: "weir cache prune --data ./data" }],
  async run({ flags }, terminal) {
    const most = parseByteSize(flags.to, "--to");
    if (!most.ok) return most;
    const opened = await open(flags.data);
    if (!opened.ok) return opened;
    const lock = await lockData(resolve(flags.data), silentLog);
    if (!lock.ok) return lock;
    try {
      const pruned = await opened.value.prune(most.value);
      if (!pruned.ok) return pruned;
      const { modules, bytes, halfWritten } = pruned.value;
      if (flags.output === "json") printJson(pruned.value, terminal);
      else terminal.out(`removed ${count(modules, "module")} (${bytes} bytes) and ${count(halfWritten, "half-written file")}\n`);
      return ok(undefined);
    } finally {
      lock.value.release();
    }
  },
});

export const cache: readonly Command[] = [ls, prune, verify];

/** The store of a folder that is there. */
async function open(data: string): Promise<Result<ModuleStore>> {
  try {
    if (!(await stat(data)).isDirectory()) return fail("NoFolder", `--data ${data} is not a folder; name the one of weir serve`);
  } catch (error) {
    return fail("NoFolder", `--data ${data} ${whyUnread(error)}`);
  }
  const { openModuleStore } = await import("../../oci/index.ts");
  return ok(openModuleStore(resolve(data)));
}

async function render(modules: readonly CachedModule[], now: number): Promise<string> {
  const { printBytes } = await import("../../oci/index.ts");
  const rows = modules.map(({ wasmDigest, size, usedAt, from, isNeeded }) => [
    shortDigest(wasmDigest),
    printBytes(size),
    age(new Date(usedAt).toISOString(), now),
    isNeeded === undefined ? "?" : isNeeded ? "yes" : "no",
    from[0] ?? "-",
  ]);
  return `${table(["MODULE", "SIZE", "USED", "NEEDED", "FROM"], rows).join("\n")}\n`;
}

function document({ wasmDigest, size, usedAt, from, isNeeded }: CachedModule): object {
  return { wasmDigest, size, used: new Date(usedAt).toISOString(), needed: isNeeded ?? null, from };
}
