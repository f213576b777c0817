import { ok } from "../../model/result.ts";
import { GO } from "./requirements.ts";
import type { FindToolchain } from "./toolchain.ts";
import { need } from "./version.ts";

/** Lines in which `go` tells of its progress. */
const PROGRESS = /^go: (downloading|finding|found|added) .*\n?/gm;

/**
 * Go itself: a reactor for WASI preview 1. No path of this machine, time or commit is in the module.
 * https://go.dev/blog/wasmexport
 */
export const findGo: FindToolchain = async (project, machine) => {
  const version = await need(GO, project.folder, machine);
  if (!version.ok) return version;
  return ok({
    title: `Go ${version.value}`,
    isOptimizing: false,
    command: async ({ project: { folder }, output }) =>
      ok({
        program: "go",
        args: ["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-w -buildid=", "-o", output, "."],
        cwd: folder,
        env: { ...machine.env, GOOS: "wasip1", GOARCH: "wasm", CGO_ENABLED: "0" },
      }),
    read: ({ stderr }, { output }) => ({ module: output, words: stderr.replace(PROGRESS, "") }),
  });
};
