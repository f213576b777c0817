import type { CatalogImage, ImageReferrer } from "../../model/catalog.ts";
import { shortDigest } from "../../model/digest.ts";
import { type Html, html } from "./html.ts";
import { words } from "./pieces.ts";

/** What referrers are, by their types, for people. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^application\/vnd\.dev\.(sigstore\.bundle|cosign\.artifact\.sig|cosign\.simplesigning)/, "signature"],
  [/^application\/vnd\.dev\.cosign\.artifact\.att/, "attestation"],
  [/^application\/vnd\.cncf\.notary\.signature/, "signature (Notation)"],
  [/spdx|cyclonedx/i, "bill of materials"],
  [/^application\/vnd\.in-toto/, "attestation"],
  [/^text\/markdown/i, "README"],
];

/** What an image says of itself, and what refers to it. */
export function aboutImage({ digest, description, referrers }: CatalogImage): Html {
  const { version, licence, vendor, abi, created, links, annotations } = description;
  const facts = [
    ["Digest", digest],
    ["Version", version],
    ["Licence", licence],
    ["By", vendor],
    ["ABI", abi === undefined ? undefined : `proxy-wasm ${abi}`],
    ["Created", created],
  ] as const;
  const rows = facts.flatMap(([term, text]) => (text === undefined ? [] : [html`<dt>${term}</dt><dd>${words(text, 200)}</dd>`]));
  const addresses = links.map(
    ({ name, url }) => html`<dt>${name}</dt><dd><a href="${url}" rel="nofollow noopener noreferrer">${words(url, 120)}</a></dd>`,
  );
  return html`<section class="panel" aria-labelledby="says"><h2 id="says">What it says of itself</h2><dl>${rows}${addresses}</dl>${annotationList(annotations)}</section>
<section class="panel" aria-labelledby="refers"><h2 id="refers">Refers to it</h2>${referrerList(referrers)}</section>`;
}

function annotationList(annotations: CatalogImage["description"]["annotations"]): Html | "" {
  if (annotations.length === 0) return "";
  const rows = annotations.map(([name, value]) => html`<dt><code>${words(name, 120)}</code></dt><dd>${words(value, 400)}</dd>`);
  return html`<details><summary>Every annotation</summary><dl class="long">${rows}</dl></details>`;
}

function referrerList(referrers: readonly ImageReferrer[]): Html {
  if (referrers.length === 0) return html`<p class="mute">Nothing that its registry tells of.</p>`;
  const items = referrers.map(
    ({ digest, artifactType }) =>
      html`<li>${kindOf(artifactType)} <span class="mute">${words(artifactType, 100)}</span> <code title="${digest}">${shortDigest(digest)}</code></li>`,
  );
  return html`<ul class="plain">${items}</ul>`;
}

function kindOf(artifactType: string): string {
  return KINDS.find(([pattern]) => pattern.test(artifactType))?.[1] ?? "document";
}
