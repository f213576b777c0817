import type { Leadership } from "../../model/leadership.ts";

/** What goes on until the function that it gave is called. */
export type Duty = () => () => Promise<void>;

/**
 * Does a duty while this server decides, so that of several replicas one does: each would undo, or find done, what another did. The next one begins when the one before
 * has ended. Until the returned function is called; it resolves when nothing goes on any more.
 */
export function whileLeading(leadership: Pick<Leadership, "isLeading" | "onChange">, duty: Duty): () => Promise<void> {
  let turn: Promise<void> = Promise.resolve();
  let end: (() => Promise<void>) | undefined;
  let isOver = false;
  const follow = () => {
    turn = turn.then(async () => {
      const isDue = leadership.isLeading() && !isOver;
      if (isDue === (end !== undefined)) return;
      const ended = end;
      end = isDue ? duty() : undefined;
      await ended?.();
    });
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
