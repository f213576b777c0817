import { registerHooks } from "node:module";

interface Fault {
  /** Begins the function that gets the fault; the group is its argument. */
  readonly line: RegExp;
  readonly code: (argument: string) => string;
}

/**
 * Loaded into a `weir serve` by a test (`NODE_OPTIONS=--import=...`): faults for objects that ask for one by their name and a configuration with the word "fault".
 * `late`: an error that is thrown out of band, while the spec is resolved. `abort`: the process dies at once, while the spec is parsed. `parse`: the parser throws.
 */
const FAULTS: Readonly<Record<string, Fault>> = {
  "/operator/resolve/configure.ts": {
    line: /^export async function configure\((\w+).*\{$/m,
    code: (filter) =>
      `if (${filter}.key.name === "late" && ${filter}.settings.config.includes("fault")) setTimeout(() => { throw new Error("an error out of band"); }, 5);`,
  },
  "/operator/parse/check.ts": {
    line: /^export function checkObject\((\w+).*\{$/m,
    code: (raw) =>
      `if (JSON.stringify(${raw}.spec?.config ?? "").includes("fault")) {
        if (${raw}.metadata.name === "abort") process.abort();
        if (${raw}.metadata.name === "parse") throw new TypeError("an error in the parser");
      }`,
  },
};

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const fault = Object.entries(FAULTS).find(([path]) => url.endsWith(path))?.[1];
    if (fault === undefined) return loaded;
    const source = String(loaded.source);
    if (!fault.line.test(source)) throw new Error(`${url} has changed; mend test/support/fault-hooks.ts`);
    return { ...loaded, source: source.replace(fault.line, (text, argument: string) => `${text}\n${fault.code(argument)}`) };
  },
});
