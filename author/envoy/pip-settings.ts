import { readFile } from "node:fs/promises";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where this user's Python packages come from. */
export interface PipSettings {
  /** Of the index, without a slash at its end. May hold a name and a password. */
  readonly index: string;
  /** A file of authorities that the index's certificate may come from, besides those that Node knows. */
  readonly authorities: string | undefined;
}

const PYPI = "https://pypi.org/simple";

/** As pip finds them: `PIP_INDEX_URL` and `PIP_CERT`, else its configuration files, else PyPI. https://pip.pypa.io/en/stable/topics/configuration/ */
export async function readPipSettings(env: Environment, home: string): Promise<PipSettings> {
  const files = await Promise.all(configurationFiles(env, home).map((path) => readFile(path, "utf8").catch(() => "")));
  const configured = (key: string) => files.map((text) => readIni(text, key)).find((value) => value !== undefined);
  const index = nonEmpty(env.PIP_INDEX_URL) ?? configured("index-url") ?? PYPI;
  return { index: index.replace(/\/+$/, ""), authorities: nonEmpty(env.PIP_CERT) ?? configured("cert") };
}

/** The one that wins first. */
function configurationFiles(env: Environment, home: string): string[] {
  const own = nonEmpty(env.PIP_CONFIG_FILE);
  const [file, folder] = ["pip.conf", nonEmpty(env.XDG_CONFIG_HOME) ?? join(home, ".config")];
  const users = [join(folder, "pip", file), join(home, "Library/Application Support/pip", file), join(home, ".pip", file)];
  return [...(own === undefined ? [] : [own]), ...users, join("/etc", file)];
}

/** The value of a key in the sections that pip reads for `pip download`, the narrower one first. */
function readIni(text: string, key: string): string | undefined {
  const values = new Map<string, string>();
  let section = "";
  for (const line of text.split("\n")) {
    section = /^\s*\[([^\]]*)\]/.exec(line)?.[1]?.trim() ?? section;
    const [, name, value] = /^([A-Za-z_-]+)\s*[=:]\s*(.*)$/.exec(line.trim()) ?? [];
    if (name?.replaceAll("_", "-") === key && value !== undefined && value !== "") values.set(section, value.trim());
  }
  return values.get("download") ?? values.get("global");
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}
