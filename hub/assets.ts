import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A file that pages refer to. */
export interface Asset {
  /** With the hash of its content, so that it is kept for good. */
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

/** What each page refers to. */
export interface Assets {
  readonly style: Asset;
  readonly script: Asset;
}

export function readAssets(): Assets {
  return {
    style: read(["colors.css", "style.css", "pictures.css", "catalog.css", "acts.css"], "style", "css", "text/css; charset=utf-8"),
    script: read(["live.js", "copy.js", "dialog.js"], "live", "js", "text/javascript; charset=utf-8"),
  };
}

function read(files: readonly string[], name: string, ending: string, type: string): Asset {
  const body = files.map((file) => readFileSync(new URL(`./assets/${file}`, import.meta.url), "utf8")).join("");
  const hash = createHash("sha256").update(body).digest("base64url").slice(0, 12);
  return { path: `/assets/${name}-${hash}.${ending}`, type, body };
}
