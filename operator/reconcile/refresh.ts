import type { Digest } from "../../model/digest.ts";
import { type Look, openAsk } from "../filter/look.ts";
import { takesChanges } from "../filter/references.ts";
import { taggedImage } from "../filter/version-range.ts";
import type { FilterEvent } from "../source/source.ts";
import type { Tasks } from "./reconcile.ts";
import type { Turn } from "./turn.ts";

/** Has the tag looked at where somebody asks for it. What was asked and had its look is in the status: a restart neither forgets an ask nor repeats one. */
export function noteAsk({ record, now }: Turn, tasks: Pick<Tasks, "cancel">): void {
  const ask = openAsk(record.object, record.lastLook);
  if (ask === record.ask) return;
  record.askFor(ask);
  if (record.filter === undefined || !takesChanges(record)) return;
  tasks.cancel(record);
  record.resolveNext(now, now);
}

/** What came of an ask. `before`: the digest until then. */
export function refreshed(look: Look | undefined, before: Digest | undefined): FilterEvent {
  const told = (message: string) => ({ type: "Normal", reason: "Refreshed", message }) as const;
  if (look === undefined) return told("weir.dev/refresh: there is no tag to look at, the spec names a digest or a URL");
  const { digest } = look;
  const image = taggedImage(look.image, look.tag);
  return told(
    before === digest ? `${image} is still ${digest}` : `${image} is ${digest}${before === undefined ? "" : `; it was ${before}`}`,
  );
}
