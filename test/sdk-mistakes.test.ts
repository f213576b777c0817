import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileWithSdk } from "../scripts/examples/assemblyscript.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const IMPORTS = `import { Action, HttpCallback, HttpResponse, log, registerPlugin, RootContext, StreamContext } from "@weir-dev/assemblyscript";\n`;
const PLUGIN = `class Plugin extends RootContext { createStream(): StreamContext { return new Stream(); } }\n`;
const REGISTER = "registerPlugin(() => new Plugin());\n";

/** What a filter's author gets wrong, and what the compiler says of it: the place and the words. */
const MISTAKES: Readonly<Record<string, { readonly source: string; readonly told: readonly RegExp[] }>> = {
  "callbacks that nobody calls": {
    source: `${IMPORTS}abstract class Base extends StreamContext {}
class Stream extends Base {
  onRequestHeader(count: u32, end: bool): Action { return Action.Continue; }
  onTick(): void {}
  static onLogs(): void {}
  onSomethingElse(): void {}
  log(): void {}
  tick(): void {}
}
class Asked extends HttpCallback { onResponse(response: HttpResponse): void {} onRespons(): void {} }
${PLUGIN}${REGISTER}`,
    told: [
      /nobody calls 'onRequestHeader'; the callback of StreamContext is 'onRequestHeaders'[^└]*└─ in filter\.ts\(4,3\)/,
      /'onTick' is a callback of RootContext; in a StreamContext nobody calls it[^└]*└─ in filter\.ts\(5,3\)/,
      /nobody calls 'onRespons'; the callback of HttpCallback is 'onResponse'[^└]*└─ in filter\.ts\(11,80\)/,
      /FAILURE 3 /,
    ],
  },
  "no plugin": {
    source: `${IMPORTS}class Stream extends StreamContext {}\n${PLUGIN}`,
    told: [/no plugin is registered; end with registerPlugin\(\(\) => new YourPlugin\(\)\), or [^└]*└─ in filter\.ts/, /FAILURE 1 /],
  },
  "what only browsers have": {
    source: `${IMPORTS}class Stream extends StreamContext {
  onLog(): void {
    console.log("gone");
    if (Date.now() > 0) log(0, Math.random().toString());
  }
}
${PLUGIN}${REGISTER}`,
    told: [
      /no proxy has 'console\.log'; use log\(\)[^└]*└─ in filter\.ts\(4,5\)/,
      /no proxy has 'Date\.now'; use now\(\)[^└]*└─ in filter\.ts\(5,9\)/,
      /FAILURE 2 /,
    ],
  },
  types: {
    source: `${IMPORTS}class Stream extends StreamContext {
  onRequestHeaders(count: u32): Action {
    this.requestHeaders.set("x-number", 5);
    this.requestHeaders.set("x-absent", this.requestHeaders.get("nothing"));
    return Action.Continue;
  }
}
${PLUGIN}${REGISTER}`,
    told: [
      /Type 'i32' is not assignable to type '~lib\/string\/String'[^└]*└─ in filter\.ts\(4,41\)/,
      /Type '~lib\/string\/String \| null' is not assignable to type '~lib\/string\/String'[^└]*└─ in filter\.ts\(5,41\)/,
      /not compatible with its implementation signature[^└]*└─ in filter\.ts\(3,3\)/,
    ],
  },
};

describe("the compiler tells a mistake with its place", { concurrency: true, timeout: 120_000 }, () => {
  for (const [name, { source, told }] of Object.entries(MISTAKES)) {
    test(name, async (t) => {
      const folder = await createTempFolder("sdk-mistakes");
      t.after(() => folder.remove());
      const { code, stderr } = await compileWithSdk(folder.path, "filter", source);
      assert.notEqual(code, 0);
      for (const words of told) assert.match(stderr, words);
    });
  }
});
