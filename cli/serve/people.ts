import { createPeople } from "../../cluster/index.ts";
import type { ReaderIdentity } from "../../model/identity.ts";
import type { KubeApi } from "../../model/kube.ts";
import type { People, Person } from "../../model/people.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { LiveTokens } from "../../xds/index.ts";
import { FolderPerson } from "./folder-person.ts";

/** Where people change filters: a cluster, as the bearer of a token sees it, or a folder of manifests. */
export type ActingPlace = { as(token: string): KubeApi } | { readonly dir: string };

const FOLDER_HOW_TO = {
  text: "a token of the file that --token-auth-file of weir serve names; an entry with `role: editor` may change filters, one with `role: reader` may look",
  example: "- {token: 20-characters-or-more, role: editor, name: alice}",
};

/** The people of the token file, then those of the cluster. A token of the file is sent nowhere. */
export function peopleOf(place: ActingPlace, tokens: LiveTokens | undefined): People {
  const cluster = "as" in place ? createPeople(place) : undefined;
  return {
    howTo: cluster?.howTo ?? FOLDER_HOW_TO,
    async find(token) {
      const known = tokens?.find(token);
      if (known?.role === "proxy") return fail("Unauthorized", "this is a proxy's token; a person needs another");
      if (known !== undefined) return ok(personOf(known, place));
      return cluster?.find(token) ?? fail("Unauthorized", "the token is none of --token-auth-file of this server");
    },
  };
}

function personOf({ edits }: ReaderIdentity, place: ActingPlace): Person {
  if (edits !== undefined && "dir" in place) return new FolderPerson(place.dir, edits);
  return new Reader(edits?.name ?? "a reader", "as" in place);
}

/** Somebody who looks, and changes nothing. */
class Reader implements Person {
  readonly name: string;
  readonly groups = [];
  readonly until = undefined;
  readonly #isCluster: boolean;

  constructor(name: string, isCluster: boolean) {
    this.name = name;
    this.#isCluster = isCluster;
  }

  mayRead = async () => ok(true);
  may = async () => ok(false);
  read = async () => this.#refuse();
  patch = async () => this.#refuse();

  #refuse(): Result<never> {
    const how = this.#isCluster ? "sign in with a token that the cluster takes" : "it needs an entry with `role: editor`";
    return fail("Forbidden", `${this.name} of the token file may read, and change nothing; ${how}`);
  }
}
