import { fail, ok, type Result } from "../../model/result.ts";

/** A file of a project in an index of Python packages. */
export interface IndexedFile {
  readonly name: string;
  readonly url: string;
  /** In hex; `undefined`: the index does not say it. */
  readonly sha256: string | undefined;
}

/** What an index is asked for; mirrors often have only the second. */
export const ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.2";

/**
 * The files that the page of a project lists, as JSON or as HTML.
 * https://packaging.python.org/en/latest/specifications/simple-repository-api/
 */
export function readIndexPage(text: string, contentType: string, url: string): Result<readonly IndexedFile[]> {
  try {
    return ok(/json/i.test(contentType) ? readJson(text, url) : readHtml(text, url));
  } catch {
    return fail("BadIndex", `${new URL(url).host} answers with no list of packages; check the index's URL`);
  }
}

function readJson(text: string, base: string): IndexedFile[] {
  const page = JSON.parse(text) as { files: { filename: unknown; url: unknown; hashes?: { sha256?: unknown } }[] };
  return page.files.map(({ filename, url, hashes }) => ({
    name: String(filename),
    url: new URL(String(url), base).href,
    sha256: typeof hashes?.sha256 === "string" ? hashes.sha256.toLowerCase() : undefined,
  }));
}

function readHtml(text: string, base: string): IndexedFile[] {
  return [...text.matchAll(/<a\s[^>]*?href\s*=\s*["']([^"'<>]+)["'][^>]*>([^<]*)</gi)].map(([, href = "", name = ""]) => {
    const url = new URL(href.replaceAll("&amp;", "&"), base);
    const sha256 = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash)?.[1]?.toLowerCase();
    url.hash = "";
    return { name: name.trim(), url: url.href, sha256 };
  });
}

/** The tags of wheels that run on a machine. https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/ */
const TAGS: Readonly<Record<string, RegExp>> = {
  "linux-x64": /^manylinux[0-9_]*_x86_64$/,
  "linux-arm64": /^manylinux[0-9_]*_aarch64$/,
  "darwin-arm64": /^macosx_[0-9_]+_(arm64|universal2)$/,
  "darwin-x64": /^macosx_[0-9_]+_(x86_64|universal2)$/,
};

/** The wheel of a version of `project` for a machine, `linux-x64`. `project` is written as in file names: with `_`. */
export function wheelFor(files: readonly IndexedFile[], project: string, version: string, machine: string): IndexedFile | undefined {
  return files.find(({ name }) => {
    const [, tags] = name.startsWith(`${project}-${version}-`) && name.endsWith(".whl") ? (/-([^-]+)\.whl$/.exec(name) ?? []) : [];
    return tags?.split(".").some((tag) => TAGS[machine]?.test(tag)) ?? false;
  });
}
