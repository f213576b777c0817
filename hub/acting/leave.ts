import type { FilterKey } from "../../model/filter.ts";
import type { Leave } from "../pages/buttons.ts";
import type { Caller } from "./callers.ts";

/** Whether somebody may change a filter, as the store of its spec says now. */
export async function leaveFor(caller: Caller | undefined, key: FilterKey): Promise<Leave> {
  if (caller === undefined) return { may: false, because: "sign in to act", canSignIn: true };
  const { person } = caller;
  const may = await person.may("patch", key);
  if (may.ok && may.value) return { may: true };
  const because = may.ok ? `${person.name} may not change it` : `it is not known what ${person.name} may do: ${may.error.message}`;
  return { may: false, because, canSignIn: false };
}
