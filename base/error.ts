import type { Stats } from "node:fs";

/** What an unknown thrown value says, for a message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for an error of Node's with one of these codes, e.g. `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

/** True for an error of a system call, e.g. of a file. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

/** What stands at a path that is no file. */
export function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a named pipe";
  if (stats.isSocket()) return "a socket";
  return stats.isFile() ? "a file" : "a device";
}

/** Why a file that the user named could not be read, and what to do, to stand after its path. */
export function whyUnread(error: unknown): string {
  if (hasCode(error, "ENOENT", "ENOTDIR")) return "is not there; create it, or correct the path";
  if (hasCode(error, "EACCES", "EPERM")) return "may not be read by the user of this process; change its owner or its mode";
  if (hasCode(error, "EISDIR")) return "is a folder; name a file in it";
  return `cannot be read: ${messageOf(error)}`;
}
