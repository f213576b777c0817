/**
 * How a listener of Weir's writes paths before a filter or the app sees them. `normal`: one way to write each path, so no request passes a filter's
 * `match.path` by another way to write it. `base`: dots and needless percent signs go, `//` and `%2F` stay, as in Istio unless it is told otherwise.
 * `as-written`: as clients wrote them. https://istio.io/latest/docs/ops/best-practices/security/#customize-your-system-on-path-normalization
 */
export const PATH_POLICIES = ["normal", "base", "as-written"] as const;

export type PathPolicy = (typeof PATH_POLICIES)[number];
