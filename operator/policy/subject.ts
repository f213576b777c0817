import type { PluginSettings } from "../../model/settings.ts";

/** Where a filter's module comes from, as policies see it. */
export type SubjectSource =
  | {
      readonly kind: "image";
      /** In full, without tag and digest: `docker.io/library/nginx`. */
      readonly repository: string;
      /** The manifest names a digest. */
      readonly isPinned: boolean;
    }
  | { readonly kind: "url" };

/** What a proof found. */
export interface ProvedModule {
  /** What the module imports. */
  readonly imports: readonly string[];
  /** Milliseconds of CPU on each proxy; `undefined`: it could not be measured. */
  readonly loadMs: number | undefined;
}

/** What policies judge of a filter: as much as is known of it. */
export interface Subject {
  readonly source: SubjectSource;
  readonly settings: Pick<PluginSettings, "slot" | "failurePolicy" | "capabilities">;
  /** The filter's place among those of its namespace in its slot, from 1 on (places.ts). */
  readonly place: number;
  /** Bytes of the module; absent: it is not resolved yet. */
  readonly size?: number;
  /** Policy -> why a signature that it asks for does not hold, of policies that are only audited. Absent: that was not looked at yet. */
  readonly unsigned?: ReadonlyMap<string, string>;
  /** Absent: it is not proved yet. */
  readonly proved?: ProvedModule;
}
