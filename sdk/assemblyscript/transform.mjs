/**
 * What the compiler does besides for filters, by `transform` in asconfig.json:
 * - It exports the callbacks that the filter has, and no others: what a module does not export, the proxy does not call, and its code is left out.
 * - It refuses what would compile and do nothing: a callback whose name is misspelt, or in the wrong class; a module without a plugin; functions of
 *   browsers, which no proxy has.
 * - It mends `encodeURI` and `encodeURIComponent`, whose text the collector of the compiler's runtime may take while it is written.
 * With `export * from "@weir-dev/assemblyscript/exports"` in the entry file, everything is exported.
 */
const PACKAGE = "~lib/@weir-dev/assemblyscript/";
/** The compiler's code of errors whose text is not its own. */
const USER_ERROR = 102;
/** The compiler's flag of what is `static`. */
const STATIC = 1 << 5;
/** The compiler's kind of a source that was named on its command line. */
const ENTRY = 1;

const CONTEXT = { onDone: ["proxy_on_done"], onDelete: [] };

/** What authors extend, the callbacks that each has, and what the proxy calls for them. */
const CALLBACKS = {
  RootContext: {
    ...CONTEXT,
    onVmStart: ["proxy_on_vm_start"],
    onConfigure: ["proxy_on_configure"],
    createStream: [],
    onTick: ["proxy_on_tick"],
    onQueueReady: ["proxy_on_queue_ready"],
  },
  StreamContext: {
    ...CONTEXT,
    onRequestHeaders: ["proxy_on_request_headers"],
    onRequestBody: ["proxy_on_request_body"],
    onRequestTrailers: ["proxy_on_request_trailers"],
    onResponseHeaders: ["proxy_on_response_headers"],
    onResponseBody: ["proxy_on_response_body"],
    onResponseTrailers: ["proxy_on_response_trailers"],
    onLog: ["proxy_on_log"],
  },
  HttpCallback: { onResponse: ["proxy_on_http_call_response"] },
  GrpcCallback: {
    onMessage: ["proxy_on_grpc_receive", "proxy_on_grpc_close"],
    onClose: ["proxy_on_grpc_close"],
    onInitialMetadata: ["proxy_on_grpc_receive_initial_metadata"],
    onTrailingMetadata: ["proxy_on_grpc_receive_trailing_metadata"],
  },
};

/** What every filter needs: contexts come and go. */
const ALWAYS = ["proxy_abi_version_0_2_1", "proxy_on_memory_allocate", "proxy_on_context_create", "proxy_on_delete"];

/** What AssemblyScript offers of a browser, and filters have instead. */
const INSTEAD = { console: "log()", Date: "now()", performance: "now()" };

/** Where the compiler's library writes what both functions give. */
const URI = "~lib/util/uri";

export default class {
  #isUriMended = false;

  /** Called by the compiler when all sources are read. */
  afterParse(parser) {
    this.#isUriMended = mendUri(parser);
    const sources = parser.sources.filter(({ internalPath }) => !internalPath.startsWith(PACKAGE));
    const entry = sources.find(isEntry);
    if (entry === undefined || sources.length === parser.sources.length) return;
    const classes = sources.flatMap(({ statements }) => classesIn(statements));
    for (const one of classes) this.#check(one, baseOf(one, classes));
    if (!sources.some(({ text }) => /\bregister((Named)?Plugin|Stream)\(/.test(text)))
      this.#refuse(entry.range.atEnd, "no plugin is registered; end with registerPlugin(() => new YourPlugin()), or registerStream(() => new YourStream())");
    if (sources.some(({ text }) => /\bfrom\s*["']@weir-dev\/assemblyscript\/exports["']/.test(text))) return;
    const names = exportsFor(classes);
    // A rootId that no plugin has is refused there.
    if (sources.some(({ text }) => /\bregisterNamedPlugin\(/.test(text))) names.add("proxy_on_configure");
    parser.parseFile(`export { ${[...names].join(", ")} } from "@weir-dev/assemblyscript/exports";`, "weir-exports.ts", true);
  }

  #check(one, base) {
    const callbacks = CALLBACKS[base];
    if (callbacks === undefined) return;
    for (const { name, flags } of methodsOf(one)) {
      if (name.text in callbacks || flags & STATIC) continue;
      const home = Object.keys(CALLBACKS).find((other) => name.text in CALLBACKS[other]);
      const near = Object.keys(callbacks).find((known) => isNear(name.text.toLowerCase(), known.toLowerCase()));
      if (home !== undefined) this.#refuse(name.range, `'${name.text}' is a callback of ${home}; in a ${base} nobody calls it`);
      else if (near !== undefined) this.#refuse(name.range, `nobody calls '${name.text}'; the callback of ${base} is '${near}'`);
    }
  }

  /** Called by the compiler when the module is made, before it is optimized. */
  afterCompile(module) {
    if (!this.#isUriMended && module.getFunction(`${URI}/encode`) !== 0)
      this.#refuse(this.#placeOf("encodeURI"), "encodeURI and encodeURIComponent of this compiler give broken text at times; take the version of assemblyscript that this package names");
    for (let index = 0; index < module.getNumFunctions(); index++) {
      const { module: from, base } = this.binaryen.getFunctionInfo(module.getFunctionByIndex(index));
      if (from !== "env" || base.startsWith("proxy_")) continue;
      const instead = INSTEAD[base.split(".")[0]];
      this.#refuse(this.#placeOf(base), `no proxy has '${base}'${instead === undefined ? "" : `; use ${instead}`}`);
    }
  }

  /** Where an author's source has this text first, else where the module begins. */
  #placeOf(text) {
    const sources = this.program.sources.filter(({ internalPath }) => !internalPath.startsWith("~lib/"));
    const source = sources.find((one) => one.text.includes(text));
    if (source === undefined) return sources.find(isEntry).range.atStart;
    const range = source.range.atStart;
    range.start = source.text.indexOf(text);
    range.end = range.start + text.length;
    return range;
  }

  #refuse(range, message) {
    this.program.error(USER_ERROR, range, message);
  }
}

/**
 * `encode` makes room for `len << 1` bytes, and more with `__renew` when they do not suffice. Nothing but a local number knows the text by then, so a step of
 * the collector in `__renew` may free it. With `len << 5` there is always room: one unit of UTF-16 becomes 18 bytes at most, and 6 more are asked for.
 * False: this compiler has other code there.
 */
function mendUri(parser) {
  const library = parser.sources.find(({ internalPath }) => internalPath === URI);
  const encode = library?.statements.find(({ name }) => name?.text === "encode");
  const sizes = (encode?.body.statements ?? []).flatMap(({ declarations }) => declarations ?? []).filter(({ name }) => name.text === "outSize");
  const { left, right } = sizes[0]?.initializer ?? {};
  if (left?.text !== "len" || right?.value?.low !== 1) return false;
  // The compiler may share its numbers.
  right.value = Object.assign(Object.create(Object.getPrototypeOf(right.value)), right.value, { low: 5 });
  return true;
}

/** The compiler's own runtime is an entry file too. */
function isEntry({ sourceKind, internalPath }) {
  return sourceKind === ENTRY && !internalPath.startsWith("~lib/");
}

function classesIn(statements) {
  return statements.flatMap((statement) => {
    if ("extendsType" in statement && Array.isArray(statement.members)) return [statement];
    return Array.isArray(statement.members) ? classesIn(statement.members) : [];
  });
}

function methodsOf({ members }) {
  return members.filter((member) => "signature" in member && "name" in member);
}

/** The class of the package that this one extends, through others of the author. */
function baseOf(one, classes) {
  const seen = new Set();
  let at = one;
  while (at !== undefined && !seen.has(at)) {
    seen.add(at);
    const name = at.extendsType?.name?.identifier?.text;
    if (name in CALLBACKS) return name;
    at = classes.find((other) => other.name.text === name);
  }
  return undefined;
}

function exportsFor(classes) {
  const names = new Set(classes.flatMap(methodsOf).map(({ name }) => name.text));
  const needed = Object.values(CALLBACKS).flatMap((callbacks) => Object.entries(callbacks).flatMap(([name, calls]) => (names.has(name) ? calls : [])));
  return new Set([...ALWAYS, ...needed]);
}

/** A helper of an author's own, such as `log` or `tick`, is none. */
function isNear(name, known) {
  return /^(on|create)/.test(name) && distance(name, known) <= 2;
}

/** Letters to change, add or leave out to make one of the other. */
function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let k = 1; k <= other.length; k++)
      next[k] = Math.min(row[k] + 1, next[k - 1] + 1, row[k - 1] + (one[i - 1] === other[k - 1] ? 0 : 1));
    row = next;
  }
  return row[other.length];
}
