import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { whyUnread } from "../base/error.ts";
import { pemCertificates } from "../base/pem.ts";
import { readText } from "../base/read-text.ts";
import { fail, ok, type Result } from "../model/result.ts";
import type { Flag } from "./args/syntax.ts";

/** Of every command that talks to registries, and of `weir serve`. */
export const registryCaFlag = {
  type: "string",
  multiple: true,
  value: "FILE|DIR",
  completes: "file",
  help: "take the certificates of these authorities, as PEM, besides those that Node takes; of a folder its *.crt and *.pem",
  env: "WEIR_REGISTRY_CA",
} as const satisfies Flag;

const MAX_BYTES = 1 << 20;
const MAX_FILES = 100;

/** The certificates in files and folders, as PEM. Fails with `BadRegistryCa`, also where there are none. */
export async function readRegistryCa(paths: readonly string[]): Promise<Result<readonly string[]>> {
  const certificates: string[] = [];
  for (const path of paths) {
    try {
      const files = (await stat(path)).isDirectory() ? await certificateFiles(path) : [path];
      if (files.length > MAX_FILES) return unusable(path, `has more than ${MAX_FILES} certificate files`);
      const found: string[] = [];
      for (const file of files) {
        const text = await readText(createReadStream(file), MAX_BYTES);
        if (text === undefined) return unusable(file, "is larger than 1 MiB");
        found.push(...pemCertificates(text));
      }
      if (found.length === 0) return unusable(path, "holds no certificate; it is to be PEM, with BEGIN CERTIFICATE");
      certificates.push(...found);
    } catch (error) {
      return unusable(path, whyUnread(error));
    }
  }
  return ok(certificates);
}

async function certificateFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => /\.(?:crt|pem)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

function unusable(path: string, why: string) {
  return fail("BadRegistryCa", `--registry-ca: ${path} ${why}`);
}
