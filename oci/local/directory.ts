import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** Where the images of a person are: `$XDG_DATA_HOME/weir/images`. https://specifications.freedesktop.org/basedir-spec/latest/ */
export function localImagesDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const { XDG_DATA_HOME: data = "", HOME } = env;
  // A path that is not absolute counts as none, by that specification.
  return join(isAbsolute(data) ? data : join(HOME || homedir(), ".local", "share"), "weir", "images");
}
