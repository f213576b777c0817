/** The tag of a reference as it is written. `undefined`: it has none, or a digest. */
export function tagOf(image: string): string | undefined {
  return image.includes("@") ? undefined : /:([\w][\w.-]{0,127})$/.exec(image)?.[1];
}

/** What stands behind the name of the repository, or is meant where nothing does. */
export function tagOrDigestOf(image: string): string {
  return tagOf(image) ?? (image.includes("@") ? image.slice(image.lastIndexOf("@") + 1) : "latest");
}
