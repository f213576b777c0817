/** Where the next page is. Registries behind a proxy name a host or a scheme of their own there: the path and the query are what counts. */
export function nextPage(url: URL, headers: Headers): URL | undefined {
  const target = /<([^>]+)>\s*;\s*rel="?next"?/i.exec(headers.get("link") ?? "")?.[1];
  const next = target === undefined ? null : URL.parse(target, url.href);
  if (next === null) return undefined;
  // Set one by one: a path that begins with two slashes would name a host.
  const page = new URL(url);
  page.pathname = next.pathname;
  page.search = next.search;
  return page;
}
