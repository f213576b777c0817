import { ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { registryArgument } from "../args/registry.ts";
import { usage } from "../args/usage.ts";
import { registryFlags, requestOptions } from "../modules.ts";
import { printNote } from "../output.ts";
import type { Terminal } from "../terminal.ts";

const MAX_PASSWORD_BYTES = 64 << 10;

export const login = defineCommand({
  name: "login",
  summary: "Log in to a registry",
  about: `Shows the user name and the password to the registry, and keeps them once it takes them: where \`docker login\` does, in $DOCKER_CONFIG/config.json or
    ~/.docker/config.json, with the credential helper that this file names, else in the file itself. Without flags they are asked for. A password on the command line would stand
    in the list of processes, so there is no flag for it.`,
  args: { registry: { value: "REGISTRY", help: "host or host:port, as references begin; docker.io is Docker Hub" } },
  flags: {
    user: { type: "string", short: "u", value: "USER", help: "the user name" },
    "password-stdin": { type: "boolean", help: "read the password from stdin" },
    ...registryFlags,
  },
  examples: [
    { does: "be asked", command: "weir login registry.example" },
    { does: "in a script", command: "weir login registry.example -u robot --password-stdin < token.txt" },
  ],
  async run({ flags, args }, terminal) {
    const registry = await registryArgument(args.registry);
    if (!registry.ok) return registry;
    const username = flags.user ?? (await terminal.ask(`user name at ${registry.value}: `));
    if (username === undefined) return usage("-u is missing: the user name; there is no terminal to ask for it");
    const wrong = problemOf("user name", username) ?? (username.includes(":") ? "a user name holds no colon" : undefined);
    if (wrong !== undefined) return usage(wrong);
    const password = await readPassword(flags["password-stdin"], username, terminal);
    if (!password.ok) return password;
    const unusable = problemOf("password", password.value);
    if (unusable !== undefined) return usage(unusable);
    const credentials = { username, password: password.value };
    const options = await requestOptions(registry.value, flags, terminal.env);
    if (!options.ok) return options;
    const { checkLogin, saveLogin } = await import("../../oci/index.ts");
    const checked = await checkLogin(registry.value, credentials, options.value);
    if (!checked.ok) return checked;
    const place = await saveLogin(registry.value, credentials, { env: terminal.env });
    if (!place.ok) return place;
    const { file, helper } = place.value;
    terminal.out(`logged in to ${registry.value} as ${username}\n`);
    if (!checked.value) printNote(`${registry.value} asks nobody for a password, so this one was not checked`, terminal);
    if (helper === undefined)
      printNote(
        `the password stands in the open in ${file}; a credential helper that the file names keeps it elsewhere: https://docs.docker.com/go/credential-store/`,
        terminal,
      );
    return ok(undefined);
  },
});

async function readPassword(fromStdin: boolean, username: string, terminal: Terminal): Promise<Result<string>> {
  if (!fromStdin) {
    const typed = await terminal.ask(`password of ${username}: `, { hidden: true });
    return typed === undefined ? usage("--password-stdin is missing: there is no terminal to ask for the password") : ok(typed);
  }
  const input = await terminal.readInput(MAX_PASSWORD_BYTES);
  return input.ok ? ok(input.value.replace(/\r?\n$/, "")) : input;
}

/** What Basic authentication cannot carry. https://www.rfc-editor.org/rfc/rfc7617#section-2 */
function problemOf(what: string, text: string): string | undefined {
  if (text === "") return `the ${what} is empty`;
  return /\p{Cc}/u.test(text) ? `the ${what} holds a line break or another control character` : undefined;
}
