/**
 * How a proxy takes the HTTP filters of a slot: as one chain, or, where Envoy has no filter_chain (before 1.40), each filter as a resource
 * of its own.
 */
export type SlotForm = "chain" | "filters";

/** The form for a proxy whose node message lists these extensions. */
export function slotForm(extensions: readonly { readonly name?: string | undefined }[]): SlotForm {
  return extensions.some(({ name }) => name === "envoy.filters.http.filter_chain") ? "chain" : "filters";
}
