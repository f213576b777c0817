import { readFileSync } from "node:fs";
import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const completion = defineCommand({
  name: "completion",
  summary: "Print a script that lets a shell complete weir's commands, flags and names",
  about: `Put the line of your shell into its start-up file (~/.bashrc, ~/.zshrc, ~/.config/fish/config.fish). In zsh it stands after compinit.

    The script asks weir itself: names of filters, namespaces and proxies come from where the flags on the line, or the environment, say that the filters are.`,
  args: { shell: { value: "SHELL", help: "the shell that completes", choices: SHELLS } },
  flags: {},
  examples: [
    { does: "bash", command: "weir completion bash > ~/.weir-completion && source ~/.weir-completion" },
    { does: "zsh", command: "weir completion zsh > ~/.weir-completion && source ~/.weir-completion" },
    { does: "fish", command: "weir completion fish | source" },
  ],
  async run({ args }, terminal) {
    terminal.out(readFileSync(new URL(`../completion/weir.${args.shell}`, import.meta.url)));
    return ok(undefined);
  },
});
