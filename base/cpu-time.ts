/**
 * Begins to measure what this thread takes of the processor. What is given tells how much it took since then, in milliseconds; the time in which a busy machine
 * gives it no turn is not counted, as it would be by a clock.
 */
export function startCpuTime(): () => number {
  const before = process.threadCpuUsage();
  return () => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1_000;
  };
}
