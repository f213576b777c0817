import type { FilterKey } from "../../model/filter.ts";
import type { Result } from "../../model/result.ts";
import type { Leave } from "../pages/buttons.ts";
import type { Caller } from "./callers.ts";

/** Whether somebody may change a filter, as the store of its spec says now. */
export async function leaveFor(caller: Result<Caller | undefined>, key: FilterKey): Promise<Leave> {
  if (!caller.ok && caller.error.retryable)
    return { may: false, because: `it is not known who you are: ${caller.error.message}`, canSignIn: false };
  if (!caller.ok || caller.value === undefined) return { may: false, because: "sign in to act", canSignIn: true };
  const { person } = caller.value;
  const may = await person.may("patch", key);
  if (may.ok && may.value) return { may: true };
  const because = may.ok ? `${person.name} may not change it` : `it is not known what ${person.name} may do: ${may.error.message}`;
  return { may: false, because, canSignIn: false };
}
