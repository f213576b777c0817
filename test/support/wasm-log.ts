/**
 * What a plugin logged on the thread that serves requests, without Envoy's prefixes: the thread of the first line that begins with `first`. The main
 * thread runs VMs of its own.
 */
export function linesOfWorker(log: string, first: string): string[] {
  const lines = log.split("\n").flatMap((line) => {
    const [, thread = "", text] = /^\[\d{4}-[^\]]*\]\[(\d+)\].*?wasm log[^:]*: (.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [{ thread, text }];
  });
  const worker = lines.find(({ text }) => text.startsWith(first))?.thread;
  return lines.filter(({ thread }) => thread === worker).map(({ text }) => text);
}
