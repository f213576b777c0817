import type { Leadership } from "../../model/leadership.ts";

/** What goes on until the function that it gave is called. */
export type Duty = () => () => Promise<void>;

/**
 * Does a duty while this server decides, so that of several replicas one does: each would undo, or find done, what another did. The next one begins when the one before
 * has ended. What a beginning or an end throws goes to `failed`, and is over with that turn: the next begins all the same. Until the returned function is called; it
 * resolves when nothing goes on any more.
 */
export function whileLeading(
  leadership: Pick<Leadership, "isLeading" | "onChange">,
  duty: Duty,
  failed: (error: unknown) => void,
): () => Promise<void> {
  let turn: Promise<void> = Promise.resolve();
  let end: (() => Promise<void>) | undefined;
  let isOver = false;
  const step = async () => {
    const isDue = leadership.isLeading() && !isOver;
    if (isDue === (end !== undefined)) return;
    const ended = end;
    end = isDue ? duty() : undefined;
    await ended?.();
  };
  const follow = () => {
    turn = turn.then(step).catch(failed);
  };
  const unlisten = leadership.onChange(follow);
  follow();
  return async () => {
    unlisten();
    isOver = true;
    follow();
    await turn;
  };
}
