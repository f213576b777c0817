import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** A credential helper that is a real program on a PATH of its own and keeps what it is given in files. */
export interface TestHelper {
  /** The home folder, PATH included. */
  readonly env: Readonly<Record<string, string>>;
  readonly home: string;
  /** What was asked of it: `get r.example`. */
  calls(): readonly string[];
  /** Writes a program `docker-credential-NAME` of this shell text. */
  add(name: string, script: string): void;
}

const KEEPING = `#!/bin/sh
dir=$(dirname "$0")/../kept; mkdir -p "$dir"
input=$(cat)
case $1 in
  store) server=$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/'); printf %s "$input" > "$dir/$(printf %s "$server" | tr '/:' '__')" ;;
  get) server=$input; file=$dir/$(printf %s "$server" | tr '/:' '__'); [ -f "$file" ] || { echo "credentials not found in native keychain"; exit 1; }; cat "$file" ;;
  erase) server=$input; rm -f "$dir/$(printf %s "$server" | tr '/:' '__')" ;;
esac
echo "$1 $server" >> "$dir/../calls"
`;

/** Makes a home folder with `docker-credential-test` on its PATH; it goes when the tests end. */
export function createTestHelper(): TestHelper {
  const home = mkdtempSync(join(tmpdir(), "weir-helper-"));
  after(() => rmSync(home, { recursive: true, force: true }));
  const bin = join(home, "bin");
  mkdirSync(bin);
  const add = (name: string, script: string) => writeFileSync(join(bin, `docker-credential-${name}`), script, { mode: 0o755 });
  add("test", KEEPING);
  const calls = () => {
    try {
      return readFileSync(join(home, "calls"), "utf8").trim().split("\n");
    } catch {
      return [];
    }
  };
  return { home, env: { HOME: home, PATH: `${bin}:/usr/bin:/bin` }, calls, add };
}
