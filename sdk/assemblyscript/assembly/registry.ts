import { Context, RootContext, StreamContext } from "./context";
import { addContext, findContext, removeContext } from "./context-table";
import { namedProperty } from "./property";

/** A plugin of this module, and the one that was registered before it. */
class Registration {
  constructor(
    public rootId: string,
    public make: () => RootContext,
    public before: Registration | null,
  ) {}
}

let plugin: (() => RootContext) | null = null;
let named: Registration | null = null;
/** Set with the first name: a module with one plugin does not ask for names. */
let findNamed: (() => Registration | null) | null = null;

/** Says which plugin this module is. Call it once, at the top of the module. */
export function registerPlugin(make: () => RootContext): void {
  plugin = make;
}

/** One of several plugins of a module: the filter's `rootId` chooses. What none has the name of goes to the one of `registerPlugin`. */
export function registerNamedPlugin(rootId: string, make: () => RootContext): void {
  named = new Registration(rootId, make, named);
  findNamed = byRootId;
}

function byRootId(): Registration | null {
  const rootId = namedProperty("plugin_root_id");
  let registration = named;
  while (registration !== null && registration.rootId != rootId) registration = registration.before;
  return registration;
}

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_on_context_create */
export function createContext(id: u32, parent: u32): void {
  const root = rootOf(parent);
  const made: Context | null = root === null ? makeRoot() : root.createStream();
  if (made === null) return;
  made.id = id;
  addContext(made);
}

function makeRoot(): RootContext {
  const find = findNamed;
  if (find !== null) {
    const registration = find();
    if (registration !== null) return registration.make();
  }
  const make = plugin;
  if (make === null) throw new Error("no plugin is registered under this rootId: call registerPlugin()");
  return make();
}

/** The proxy calls what is for plugins on plugins only, and what is for streams on streams: nothing is looked up to make sure. */
export function rootOf(id: u32): RootContext | null {
  return changetype<RootContext | null>(findContext(id));
}

/** Null: this stream passes without the filter. */
export function streamOf(id: u32): StreamContext | null {
  return changetype<StreamContext | null>(findContext(id));
}

/** Whether the proxy still has this context. */
export function isAlive(context: Context): bool {
  return findContext(context.id) === context;
}

export function deleteContext(id: u32): void {
  const context = findContext(id);
  if (context === null) return;
  context.onDelete();
  removeContext(id);
}
