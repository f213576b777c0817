import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createLooks } from "../testing/looks.ts";
import { readersOf } from "./readers.ts";
import { openTokens } from "./token-file.ts";

const [SHOP, READER] = ["shop-aaaaaaaaaaaaaaaaaaaa", "read-cccccccccccccccccccc"];

test("a token file that is not there, or is none, is told with what to do", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "weir-tokens-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "none");
  const words = async (named: string) => {
    const opened = await openTokens(named);
    return opened.ok ? "read" : opened.error.message;
  };
  assert.equal(await words(path), `--token-auth-file ${path} is not there; create it, or correct the path`);
  assert.equal(await words(dir), `--token-auth-file ${dir} is a folder; name a file in it`);
});

test("a token file is taken when it changes; one that cannot be used is logged once and changes nothing", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "weir-tokens-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "tokens.yaml");
  writeFileSync(path, `[{token: ${SHOP}, namespace: shop}, {token: ${READER}, role: reader}]`);
  const opened = await openTokens(path);
  assert(opened.ok && opened.value !== undefined);
  const { tokens } = opened.value;
  const { log, clock, errors, look, pending } = createLooks();
  const stop = opened.value.watch(log, clock);
  const readers = readersOf(tokens);
  const check = (authorization?: string) => {
    const checked = readers.check(authorization);
    return checked.ok ? "ok" : checked.error.reason;
  };
  assert.deepEqual(
    [check(`Bearer ${READER}`), check(`Bearer ${SHOP}`), check("Bearer x"), check()],
    ["ok", "Forbidden", "Unauthorized", "Unauthorized"],
  );
  writeFileSync(path, "- {token: short, namespace: shop}");
  await look();
  await look();
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? "", /^the new token file cannot be used; the tokens before stay in use: --token-auth-file .* has an entry 1/);
  assert.equal(check(READER), "ok");
  writeFileSync(path, `[{token: ${SHOP}, namespace: shop}]`);
  await look();
  assert.equal(check(READER), "Unauthorized");
  stop();
  assert.equal(pending(), 0);
  const none = await openTokens(join(dir, "none"));
  assert(!none.ok);
  assert.match(none.error.message, /^--token-auth-file .*none is not there; create it/);
});
