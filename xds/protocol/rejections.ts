import { setBounded } from "../../base/bounded-map.ts";

/** How many rejected versions of a name are remembered, so that none of them is sent again. */
const MAX_REJECTED = 32;

/** The versions that a client rejected, by name, with what it said about them. */
export class Rejections {
  /** Name -> rejected version -> message. Created with the first rejection: most clients never reject anything. */
  private byName: Map<string, Map<string, string>> | undefined;

  add(name: string, version: string, message: string): void {
    this.byName ??= new Map();
    const versions = this.byName.get(name) ?? new Map<string, string>();
    this.byName.set(name, versions);
    setBounded(versions, version, message, MAX_REJECTED);
  }

  has(name: string, version: string): boolean {
    return this.message(name, version) !== undefined;
  }

  /** `undefined`: this version was not rejected. */
  message(name: string, version: string): string | undefined {
    return this.byName?.get(name)?.get(version);
  }

  /** The newest message about any version of a name. */
  lastMessage(name: string): string | undefined {
    return [...(this.byName?.get(name)?.values() ?? [])].at(-1);
  }

  forget(name: string): void {
    this.byName?.delete(name);
  }
}
