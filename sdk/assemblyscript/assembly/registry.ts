import { LogLevel } from "./abi/types";
import { Context, RootContext, StreamContext } from "./context";
import { log } from "./log";
import { namedProperty } from "./property";
import { add, emptyTable, find, remove } from "./table";

/** A plugin of this module, and the one that was registered before it. */
class Registration {
  constructor(
    public rootId: string,
    public make: () => RootContext,
    public before: Registration | null,
  ) {}
}

const contexts = emptyTable();
let plugin: (() => RootContext) | null = null;
let named: Registration | null = null;
/** Set with the first name: a module with one plugin does not ask for names. */
let findNamed: (() => Registration | null) | null = null;

/** Says which plugin this module is. Call it once, at the end of the entry file. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_on_context_create */
export function registerPlugin(make: () => RootContext): void {
  plugin = make;
}

/**
 * Says what this module is, where it has neither a configuration nor anything else that outlives a request: the plugin is made for it. Call it once, at the end of the entry file.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_on_context_create
 */
export function registerStream(make: () => StreamContext): void {
  makeStream = make;
  plugin = () => new StreamsOnly();
}

let makeStream: () => StreamContext = () => unreachable();

class StreamsOnly extends RootContext {
  createStream(): StreamContext {
    return makeStream();
  }
}

/** One of several plugins of a module: the filter's `rootId` chooses. What none has the name of goes to the one of `registerPlugin`. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_on_context_create */
export function registerNamedPlugin(rootId: string, make: () => RootContext): void {
  named = new Registration(rootId, make, named);
  findNamed = byRootId;
}

function byRootId(): Registration | null {
  const rootId = namedProperty("plugin_root_id");
  let registration = named;
  let known = "";
  while (registration !== null && registration.rootId != rootId) {
    known = " " + registration.rootId + known;
    registration = registration.before;
  }
  if (registration === null && plugin === null) log(LogLevel.Error, "no plugin has this rootId; there are:" + known);
  return registration;
}

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_on_context_create */
export function createContext(id: u32, parent: u32): void {
  const root = rootOf(parent);
  const made: Context | null = root === null ? makeRoot() : root.createStream();
  if (made === null) return;
  made.id = id;
  add(contexts, made);
}

/** Null: there is no plugin for this rootId. */
function makeRoot(): RootContext | null {
  const named = findNamed;
  if (named !== null) {
    const registration = named();
    if (registration !== null) return registration.make();
  }
  const make = plugin;
  return make === null ? null : make();
}

/** The plugin or stream of this number. Null: there is none, so the stream passes without the filter. */
export function contextOf(id: u32): Context | null {
  return changetype<Context | null>(find(contexts, id));
}

/** The proxy calls what is for plugins on plugins only, and what is for streams on streams: nothing is looked up to make sure. */
export function rootOf(id: u32): RootContext | null {
  return changetype<RootContext | null>(find(contexts, id));
}

export function streamOf(id: u32): StreamContext | null {
  return changetype<StreamContext | null>(find(contexts, id));
}

/** Whether the proxy still has this context. */
export function isAlive(context: Context): bool {
  return find(contexts, context.id) === context;
}

export function deleteContext(id: u32): void {
  const context = contextOf(id);
  if (context === null) return;
  context.onDelete();
  remove(contexts, context);
}
