import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { registryArgument } from "../args/registry.ts";
import { printNote } from "../output.ts";

export const logout = defineCommand({
  name: "logout",
  summary: "Forget the login to a registry",
  about:
    "Takes what `weir login` or `docker login` kept out of Docker's configuration, or out of the credential helper that it names. The registry is not asked.",
  args: { registry: { value: "REGISTRY", help: "host or host:port; docker.io is Docker Hub" } },
  flags: {},
  examples: [{ does: "forget", command: "weir logout registry.example" }],
  async run({ args }, terminal) {
    const registry = await registryArgument(args.registry);
    if (!registry.ok) return registry;
    const { filesWith, removeLogin } = await import("../../oci/index.ts");
    const removed = await removeLogin(registry.value, { env: terminal.env });
    if (!removed.ok) return removed;
    const { wasThere, file } = removed.value;
    if (wasThere) terminal.out(`logged out of ${registry.value}\n`);
    else printNote(`there was no login to ${registry.value} in ${file}`, terminal);
    for (const other of await filesWith(registry.value, terminal.env))
      printNote(`${other} still has credentials for ${registry.value}`, terminal);
    return ok(undefined);
  },
});
