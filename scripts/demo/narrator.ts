/** Tells a person what happens: numbered steps, the command lines, and what came of them. */
export interface Narrator {
  step(title: string): void;
  /** A command as it was typed. */
  command(line: string): void;
  say(text: string): void;
  /** The last line. */
  conclude(text: string): void;
}

export function createNarrator(write: (line: string) => void): Narrator {
  let steps = 0;
  return {
    conclude: (text) => write(`\n${text}`),
    step: (title) => write(`\n${++steps}. ${title}`),
    command: (line) => write(`   $ ${line}`),
    say(text) {
      for (const line of text.trimEnd().split("\n")) write(`   ${line}`);
    },
  };
}
