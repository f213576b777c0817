/**
 * From a file that is saved to the new header in Envoy: `node bench/dev-loop.ts [SAVES]`. A real `weir dev` on the project that `weir init` makes, in AssemblyScript and
 * in Go; each save is another header, so each is another module. Measured from outside, by requests.
 */
import { measureDevLoop, summarizeSaves } from "../test/support/dev-loop.ts";

const saves = Number(process.argv[2] ?? 20);
for (const language of ["assemblyscript", "go"] as const) console.log(summarizeSaves(language, await measureDevLoop(language, saves)));
