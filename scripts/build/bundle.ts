import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { join, relative } from "node:path";
import { type BuildOptions, build, type Metafile, type OnResolveArgs, type Plugin } from "esbuild";
import { ROOT } from "../tests/files.ts";

/** The tree of the package keeps these places, so that code finds its neighbours as in a checkout. */
const MAIN = "cli/main";
const PROVER = "preflight/process/child";
const CASES = "author/cases/sandbox/worker";
const CONFIGS = "operator/config/worker";
/** What `#cel` names in the package. A prover may read the folder `@bufbuild` and no other. */
export const CEL = "lib/@bufbuild/cel.cjs";

/** The oldest Node that runs the bundle. */
const TARGET = "node24";

/** How all that is shipped is bundled. */
export const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: "node",
  target: TARGET,
  // Names stay: a stack trace tells which function, and no code is told its own name wrongly.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none", // They are in one file: see licenses.ts.
  metafile: true,
  logLevel: "warning",
} as const satisfies BuildOptions;

/**
 * Parts of packages in CommonJS that no call of Weir's reaches, though the package's entry asks for them: undici's mocks, its WebSocket, its EventSource, its cookies,
 * its interceptors, its caches of answers and the second parser of HTTP/1 that it has on trial; and what grpc-js reads .proto files with, for services (channelz, ORCA) that Weir does not offer.
 */
const LEFT_OUT = [
  "/undici/lib/mock/",
  "/undici/lib/milo/",
  "/undici/lib/web/websocket/",
  "/undici/lib/web/eventsource/",
  "/undici/lib/cache/sqlite-cache-store",
  "/undici/lib/interceptor/",
  "/undici/lib/web/cookies/",
  "/@grpc/proto-loader/",
];

/** Packages in CommonJS call `require` for Node's own modules. */
const REQUIRE = `import{createRequire as __weirRequire}from"node:module";const require=__weirRequire(import.meta.url);`;

/**
 * Bundles what `weir` runs into `folder`: the commands (with chunks in `lib/`, loaded as they are needed), the program of a prover, the thread of `weir test` and
 * the one that judges configurations as one file each, and CEL, which a prover loads by itself. Gives esbuild's account of what went in.
 */
export async function bundle(folder: string): Promise<Metafile[]> {
  const results = [
    await build({
      ...COMMON,
      entryPoints: { [MAIN]: `${MAIN}.ts` },
      outdir: folder,
      chunkNames: "lib/[name]-[hash]",
      splitting: true,
      format: "esm",
      banner: { js: REQUIRE },
      plugins: [ownPlaces("../"), namedImports, unusedPartsOf("@kubernetes/client-node"), leftOut(LEFT_OUT)],
    }),
    await build({
      ...COMMON,
      entryPoints: { [PROVER]: `${PROVER}.ts` },
      outdir: folder,
      format: "esm",
      plugins: [ownPlaces("../../")],
    }),
    await build({
      ...COMMON,
      entryPoints: { [CASES]: `${CASES}.ts` },
      outdir: folder,
      format: "esm",
      banner: { js: REQUIRE },
      plugins: [ownPlaces("../../../")],
    }),
    await build({
      ...COMMON,
      entryPoints: { [CONFIGS]: `${CONFIGS}.ts` },
      outdir: folder,
      format: "esm",
      plugins: [ownPlaces("../../")],
    }),
    await build({ ...COMMON, entryPoints: ["@bufbuild/cel"], outfile: join(folder, CEL), format: "cjs" }),
  ];
  return results.map(({ metafile }) => metafile);
}

/**
 * Lets each file of the project see the `import.meta.url` that it would have as JavaScript in its own folder of the package, wherever its code ends
 * up: the paths that it makes of that hold in a checkout and in a package. `up` leads from the folder of the output to the package's root.
 */
export function ownPlaces(up: string): Plugin {
  return {
    name: "own-places",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, "utf8");
        const [other] = /import\.meta\.(?!url\b)\w+/.exec(text) ?? [];
        if (other !== undefined)
          return { errors: [{ text: `${other} would be the bundle's; use import.meta.url`, location: { file: path } }] };
        const place = up + relative(ROOT, path).replace(/\.ts$/, ".js");
        return { loader: "ts", contents: text.replaceAll("import.meta.url", `new URL(${JSON.stringify(place)}, import.meta.url).href`) };
      });
    },
  };
}

/**
 * Refuses to load a package by a dynamic import. Of one in CommonJS esbuild then gives the default export alone, and of any other it keeps all,
 * used or not. Import a file of the project that exports by name what is used.
 */
export const namedImports: Plugin = {
  name: "named-imports",
  setup({ onResolve }) {
    onResolve({ filter: /^[^.]/ }, ({ kind, path, importer }) => {
      if (kind !== "dynamic-import" || isBuiltin(path) || importer.includes("/node_modules/")) return undefined;
      return { errors: [{ text: `${path} is loaded as a whole; import a file that exports by name what is used of it` }] };
    });
  },
};

/**
 * Leaves out the files of a package that nobody asks for. The package does not say that its files only define things (`sideEffects` of its
 * package.json), which those of the Kubernetes client do: its classes for every kind of object are 5 MB that Weir never uses.
 */
function unusedPartsOf(name: string): Plugin {
  const isOfPackage = ({ path, importer }: OnResolveArgs) => path === name || (path.startsWith(".") && importer.includes(`/${name}/`));
  return {
    name: "unused-parts",
    setup({ onResolve, resolve }) {
      onResolve({ filter: /^[@.]/ }, async (args) => {
        if (args.pluginData === name || !isOfPackage(args)) return undefined;
        const { importer, resolveDir, kind } = args;
        return { ...(await resolve(args.path, { importer, resolveDir, kind, pluginData: name })), sideEffects: false };
      });
    },
  };
}

/** Puts nothing in the place of the files whose paths hold one of `parts`. A part that no file has any more fails the build: the package has changed, and what is left out of it is to be looked at anew. */
function leftOut(parts: readonly string[]): Plugin {
  return {
    name: "left-out",
    setup({ onLoad, onEnd }) {
      const unseen = new Set(parts);
      onLoad({ filter: /\/node_modules\// }, ({ path }) => {
        const part = parts.find((each) => path.includes(each));
        if (part === undefined) return undefined;
        unseen.delete(part);
        return { contents: "module.exports = {};" };
      });
      onEnd(() => ({ errors: [...unseen].map((part) => ({ text: `no file of a package has ${part} in its path; see LEFT_OUT` })) }));
    },
  };
}
