import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SECTIONS } from "../commands/index.ts";
import { complete, type LineSoFar } from "./complete.ts";

const commands = SECTIONS.flatMap((section) => section.commands);

/** What is offered at the end of `line`, and what names were asked for. */
async function offer(line: string, names: readonly string[] = [], env: Record<string, string> = {}) {
  const asked: { readonly kind: string; readonly line: LineSoFar }[] = [];
  const context = {
    commands,
    env,
    async findNames(kind: string, soFar: LineSoFar) {
      asked.push({ kind, line: soFar });
      return names.map((word) => ({ word, help: "" }));
    },
  };
  const { candidates, paths } = await complete(line.split(" "), context);
  return { words: candidates.map(({ word }) => word), candidates, paths, asked };
}

async function words(line: string, names: readonly string[] = []): Promise<readonly string[]> {
  return (await offer(line, names)).words;
}

describe("commands", () => {
  test("the first word is a command or a group, each with what it does", async () => {
    const { candidates } = await offer("");
    const names = candidates.map(({ word }) => word);
    for (const { name } of commands) assert.ok(names.includes(name.split(" ")[0] ?? ""), name);
    assert.equal(new Set(names).size, names.length, "one is offered twice");
    for (const { word, help } of candidates) assert.ok(help.length >= "issue".length, word);
    assert.deepEqual(await words("ro"), ["rollback", "rollout"]);
    assert.deepEqual(await words("zzz"), []);
  });

  test("a group's second word is one of its commands, and no third is offered before it is known", async () => {
    assert.deepEqual(await words("rollout "), ["pause", "resume", "promote", "abort"]);
    assert.deepEqual(await words("rollout p"), ["pause", "promote"]);
    assert.deepEqual(await words("rollout nope "), []);
  });

  test("help is followed by the names of commands", async () => {
    assert.deepEqual(await words("help ro"), ["rollback", "rollout"]);
    assert.deepEqual(await words("help rollout re"), ["resume"]);
    assert.deepEqual(await words("help get "), ["wasmpolicies"]);
    assert.deepEqual(await words("help plan "), []);
  });

  test("a command that has others below it offers both: names of filters, and the words of those", async () => {
    assert.deepEqual(await words("get ", ["add-header"]), ["add-header", "wasmpolicies"]);
    assert.deepEqual(await words("describe w", ["web"]), ["web", "wasmpolicy"]);
    const { words: found, asked } = await offer("get wasmpolicies s", ["signed"]);
    assert.deepEqual([found, asked[0]?.kind], [["signed"], "policy"]);
    assert.equal((await offer("describe wpol s", ["signed"])).asked[0]?.kind, "policy");
    assert.deepEqual(await words("get wasmpolicies -o "), ["json", "yaml", "name", "wide"]);
  });

  test("before any command only help and version are flags, and nothing follows an unknown word", async () => {
    assert.deepEqual(await words("-"), ["--help", "--version"]);
    for (const line of ["nope ", "-x ", "nope --"]) assert.deepEqual(await words(line), []);
  });
});

describe("flags", () => {
  test("a dash offers every flag that was not given yet, and the repeatable ones again", async () => {
    const all = await words("get -");
    assert.ok(all.includes("--output") && all.includes("--all-namespaces") && all.includes("--help"));
    const rest = await words("get -A -o json -");
    assert.ok(!rest.includes("--output") && !rest.includes("--all-namespaces"));
    assert.ok((await words("bootstrap --label a=b --")).includes("--label"));
    assert.ok(!(await words("bootstrap --no-stats --")).includes("--no-stats"));
  });

  test("required flags come first, and where no argument is left flags are offered unasked", async () => {
    assert.deepEqual((await words("bootstrap "))[0], "--node");
    assert.ok((await words("proxies web-1 ")).includes("--server"));
  });

  test("nothing after -- is a flag", async () => {
    assert.deepEqual(await words("get -- --o", ["--odd"]), ["--odd"]);
    assert.deepEqual(await words("version -- -"), []);
  });

  test("choices are offered as values, in each spelling of the flag", async () => {
    assert.deepEqual(await words("verify x --type "), ["HTTP", "Network"]);
    assert.deepEqual(await words("verify x --type N"), ["Network"]);
    assert.deepEqual(await words("get -o "), ["json"]);
    assert.deepEqual(await words("get -Ao "), ["json"]);
    assert.deepEqual(await words("bootstrap --when-missing="), ["--when-missing=closed", "--when-missing=open"]);
    assert.deepEqual(await words("bootstrap --when-missing=o"), ["--when-missing=open"]);
    assert.deepEqual(await words("bootstrap --nope="), []);
  });

  test("a value without choices or kind offers nothing", async () => {
    assert.deepEqual(await offer("bootstrap --node "), { words: [], candidates: [], paths: "none", asked: [] });
  });
});

describe("values", () => {
  test("arguments with choices are offered", async () => {
    assert.deepEqual(await words("completion "), ["bash", "zsh", "fish"]);
    assert.ok((await words("completion bash ")).includes("--help"));
  });

  test("files and folders are left to the shell", async () => {
    for (const [line, paths] of [
      ["apply -f ", "file"],
      ["apply --file=", "file"],
      ["get --filters ", "folder"],
      ["get --filters=", "folder"],
      ["push ", "file"],
      ["push x.wasm ", "none"],
    ] as const) {
      assert.equal((await offer(line)).paths, paths, line);
    }
  });

  test("names are asked for with the flags and arguments on the line", async () => {
    const { words: found, asked } = await offer("get --filters dir -n shop a", ["add-header", "limit"]);
    assert.deepEqual(found, ["add-header"]);
    assert.equal(asked[0]?.kind, "filter");
    assert.equal(asked[0]?.line.flags.filters, "dir");
    assert.equal(asked[0]?.line.flags.namespace, "shop");
    assert.equal((await offer("rollback x --to ")).asked[0]?.line.args[0], "x");
    for (const [line, kind] of [
      ["rollback x --to ", "revision"],
      ["describe -n ", "namespace"],
      ["get --context=", "context"],
      ["proxies ", "proxy"],
      ["rollout pause ", "filter"],
    ]) {
      assert.deepEqual(
        (await offer(line ?? "")).asked.map((each) => each.kind),
        [kind],
        line,
      );
    }
  });

  test("a line with mistakes is still completed, from what it says rightly", async () => {
    const { words: found, asked } = await offer("get --nope -o xml --filters dir ", ["x"], { WEIR_SERVER: "http://h:1" });
    assert.deepEqual(found, ["x"]);
    assert.deepEqual([asked[0]?.line.flags.filters, asked[0]?.line.flags.server], ["dir", "http://h:1"]);
  });
});
