/**
 * Tells of trouble once until it is another, and of its end. The returned function takes what is wrong now; `undefined`: nothing is.
 */
export function createStandingTrouble(tell: (message: string) => void, over: () => void = () => {}): (message: string | undefined) => void {
  let last: string | undefined;
  return (message) => {
    const before = last;
    last = message;
    if (message === before) return;
    if (message === undefined) over();
    else tell(message);
  };
}
