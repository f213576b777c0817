/** A right that something needs. `resource` may have a subresource. */
export interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** In Weir's own namespace; else in every one. */
  readonly own?: true;
  /** One object only. */
  readonly name?: string;
  /** Needed where Weir's command line has this text. */
  readonly flag?: string;
}

/** What Weir asks of the API server: the roles of charts/weir, which a test holds to this. */
export const WEIRS_RIGHTS: readonly Right[] = [
  { group: "weir.dev", resource: "wasmfilters", verbs: ["get", "list", "watch"] },
  { group: "weir.dev", resource: "wasmfilters/status", verbs: ["update"] },
  { group: "apps", resource: "controllerrevisions", verbs: ["list", "create", "delete"] },
  { group: "", resource: "events", verbs: ["create", "patch"] },
  { group: "", resource: "secrets", verbs: ["create"], own: true, flag: "--key-store=secret" },
  { group: "", resource: "secrets", verbs: ["get"], own: true, name: "weir-private-key", flag: "--key-store=secret" },
  {
    group: "",
    resource: "secrets",
    verbs: ["get", "list", "watch", "patch"],
    own: true,
    name: "weir-authority",
    flag: "--key-store=secret",
  },
];

/** What people need for the fleet's commands. */
export const FLEET_RIGHTS: readonly Right[] = [
  { group: "weir.dev", resource: "wasmfilters", verbs: ["get", "list", "create", "patch", "delete"] },
];
