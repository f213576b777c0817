import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";

test("the libraries of sigstore are loaded with the first signature, and not before", async () => {
  const loaded = new Set<string>();
  registerHooks({
    resolve(specifier, context, next) {
      loaded.add(specifier);
      return next(specifier, context);
    },
  });
  const isLoaded = () => [...loaded].some((specifier) => specifier.startsWith("@sigstore/"));
  const { checkTrustRoot, createVerifier } = await import("./index.ts");
  createVerifier({});
  assert.deepEqual([loaded.has("./index.ts"), isLoaded()], [true, false]);
  const checked = await checkTrustRoot("{}");
  assert.equal(checked.ok ? "" : checked.error.reason, "TrustRootInvalid");
  assert.equal(isLoaded(), true);
});
