import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { People, Person } from "../../model/people.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { IDENTITY_LIMITS, Identities } from "./identities.ts";

const PROXY = "10.0.0.1";

function start(
  find: (token: string) => Promise<Result<Person>> | Result<Person> = (token) => people.get(token) ?? fail("Unauthorized", "nobody's"),
) {
  const clock = { now: 1_000_000 };
  const asked: string[] = [];
  const place: People = {
    howTo: { text: "", example: "" },
    async find(token) {
      asked.push(token);
      return find(token);
    },
  };
  const identities = new Identities(place, () => clock.now);
  const say = async (token: string, isProved = false) => {
    const found = await identities.find(token, PROXY, isProved);
    return found.ok ? found.value.name : found.error.reason;
  };
  return { clock, asked, identities, say };
}

const people = new Map<string, Result<Person>>(["alice", "bob"].map((name) => [name, ok({ name } as Person)]));

describe("who is behind the address of somebody who guesses", () => {
  /** Until the address may guess no more. */
  async function guess(say: (token: string) => Promise<string>, name: string): Promise<number> {
    for (let number = 0; ; number++) if ((await say(`${name}-${number}`)) === "TooManyAttempts") return number;
  }

  test("goes on when they were known before, or have a session; somebody new waits", async () => {
    const { clock, asked, say } = start();
    assert.equal(await say("alice"), "alice");
    assert.equal(await guess(say, "first"), IDENTITY_LIMITS.failures);
    clock.now += IDENTITY_LIMITS.knownMs;
    assert.equal(await guess(say, "then"), 3);
    asked.splice(0);
    assert.deepEqual([await say("alice"), await say("bob"), await say("bob", true)], ["alice", "TooManyAttempts", "bob"]);
    assert.deepEqual(asked, ["alice", "bob"]);
  });

  test("waits for nobody's guesses where they are known, and takes no guess from them when their token ends", async () => {
    const mine = new Map(people);
    const { clock, say } = start((token) => mine.get(token) ?? fail("Unauthorized", "nobody's"));
    await say("alice");
    mine.delete("alice");
    for (let number = 0; number < 20; number++) {
      clock.now += IDENTITY_LIMITS.knownMs;
      assert.equal(await say("alice", true), "Unauthorized");
    }
    assert.equal(await say("bob"), "bob");
  });
});

test("many who sign in at once behind one address are no guesses", async () => {
  const { say } = start((token) => ok({ name: token } as Person));
  const names = Array.from({ length: 30 }, (_, number) => `person-${number}`);
  assert.deepEqual(await Promise.all(names.map((name) => say(name))), names);
});

test("guesses that are sent at once are bounded too", async () => {
  const { asked, say } = start(async () => {
    await new Promise(setImmediate);
    return fail("Unauthorized", "nobody's");
  });
  const said = await Promise.all(Array.from({ length: 40 }, (_, number) => say(`guess-${number}`)));
  // As many as have a place may be under way when the bound is reached.
  assert.ok(asked.length < IDENTITY_LIMITS.failures + 8, `${asked.length} asked`);
  assert.equal(said.filter((reason) => reason === "TooManyAttempts").length, 40 - asked.length);
});

test("an API server that is away is no reason to take somebody for a guess, and is asked again at once", async () => {
  let isAway = false;
  const { clock, asked, say } = start((token) =>
    isAway ? failForNow("Unavailable", "away") : (people.get(token) ?? fail("Unauthorized", "nobody's")),
  );
  await say("alice");
  for (let number = 0; number < IDENTITY_LIMITS.failures; number++) await say(`guess-${number}`);
  clock.now += IDENTITY_LIMITS.knownMs;
  for (let number = 0; number < 3; number++) await say(`late-guess-${number}`);
  isAway = true;
  asked.splice(0);
  assert.deepEqual([await say("alice"), await say("alice")], ["Unavailable", "Unavailable"]);
  isAway = false;
  assert.equal(await say("alice"), "alice");
  assert.deepEqual(asked, ["alice", "alice", "alice"]);
});

test("who is forgotten is asked for anew, also who was being asked for", async () => {
  const mine = new Map(people);
  const gate = Promise.withResolvers<void>();
  const { identities, say } = start(async (token) => {
    const found = mine.get(token) ?? fail("Unauthorized", "nobody's");
    await gate.promise;
    return found;
  });
  const before = say("alice");
  await new Promise(setImmediate);
  mine.delete("alice");
  identities.forget();
  gate.resolve();
  await before;
  assert.equal(await say("alice"), "Unauthorized");
});
