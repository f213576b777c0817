import { delimiter, join } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment for a program that is no part of the npm run around it: without npm's settings for that package, without its programs on the PATH, and without
 * the settings of Node's test runner.
 */
export function outsideNpm(env: Environment): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !/^npm_(package|lifecycle|config_local_prefix|command)|^NODE_TEST_CONTEXT$/.test(name)) clean[name] = value;
  }
  const binaries = join("node_modules", ".bin");
  clean.PATH = (env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.endsWith(binaries))
    .join(delimiter);
  return clean;
}
