import { oneLine } from "../base/text.ts";
import { printExactJson } from "../model/exact-json.ts";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import type { Terminal } from "./terminal.ts";

/** A Kubernetes List, as `kubectl get -o json` prints it and GET /api/v1/filters answers. */
export function printList(filters: readonly WasmFilter[], terminal: Terminal): void {
  printJson(listOf(filters), terminal);
}

/** A Kubernetes List of these objects. https://kubernetes.io/docs/reference/using-api/api-concepts/#collections */
export function listOf<T>(items: readonly T[]) {
  return { apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items };
}

export function printJson(value: unknown, terminal: Terminal): void {
  terminal.out(`${printExactJson(value, 2)}\n`);
}

/** On stderr, so that output for programs stays whole. `text` begins in lower case and has no full stop. */
export function printNote(text: string, terminal: Terminal): void {
  terminal.err(`note: ${oneLine(text)}\n`);
}

/** What a person should know about what was read. */
export function printNotes(notes: readonly string[], terminal: Terminal): void {
  for (const note of notes) printNote(note, terminal);
}
