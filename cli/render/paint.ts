/** Colours for a screen. Without colours, every function returns its text unchanged. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  busy(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
}

/** https://en.wikipedia.org/wiki/ANSI_escape_code#Select_Graphic_Rendition_parameters */
export function createPaint(color: boolean): Paint {
  const code = (on: number, off: number) => (text: string) => (color && text !== "" ? `\u001b[${on}m${text}\u001b[${off}m` : text);
  return { good: code(32, 39), bad: code(31, 39), busy: code(33, 39), strong: code(1, 22), faint: code(2, 22) };
}
