// The first code of a prover. It has no rights but its three pipes, so it reads its own program from the first: one frame
// (see frame.ts), whose body is JSON: the entry, the text of each file by its URL, and where the packages are that it may read.
// Plain JavaScript: Node runs it without a compile.
import { readSync } from "node:fs";
import { registerHooks } from "node:module";

function read(size) {
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; ) {
    const count = readSync(0, bytes, at, size - at, null);
    if (count === 0) process.exit(0);
    at += count;
  }
  return bytes;
}

const prefix = read(8);
read(prefix.readUInt32BE(0));
const { entry, files, packages } = JSON.parse(read(prefix.readUInt32BE(4)).toString("utf8"));

registerHooks({
  resolve(specifier, context, next) {
    if (Object.hasOwn(packages, specifier)) return next(packages[specifier], context);
    const url = specifier.startsWith(".") ? new URL(specifier, context.parentURL).href : specifier;
    return Object.hasOwn(files, url) ? { url, format: "module", shortCircuit: true } : next(specifier, context);
  },
  load(url, context, next) {
    return Object.hasOwn(files, url) ? { format: "module", source: files[url], shortCircuit: true } : next(url, context);
  },
});
await import(entry);
