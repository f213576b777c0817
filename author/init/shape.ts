import type { Language } from "../project/language.ts";

/** What the filter of a new project does. */
export const SHAPES = ["headers", "auth", "rate-limit", "callout"] as const;
export type Shape = (typeof SHAPES)[number];

/** In one line, for who chooses. */
export const SHAPE_WORDS: Readonly<Record<Shape, string>> = {
  headers: "adds a header to every response",
  auth: "answers 401 to requests without a known token",
  "rate-limit": "lets so many requests pass in a time, counted over all workers",
  callout: "asks another service whether a request may pass",
};

const BOTH: readonly Shape[] = ["headers", "auth"];

/** The shapes that a language has a template of, the simplest first. */
export function shapesOf(language: Language): readonly Shape[] {
  return language === "assemblyscript" || language === "rust" ? SHAPES : BOTH;
}
