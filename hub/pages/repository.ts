import { printBytes } from "../../base/byte-count.ts";
import type { CatalogImage, Look, Readme, RepositoryImages } from "../../model/catalog.ts";
import { shortDigest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { isTakenBack } from "../../model/revision.ts";
import { ownerOf, ownerPath, repositoryPath, runCounts, runsOf, type Usage, type Verdict, verdictOf } from "../read/catalog.ts";
import type { FleetSnapshot } from "../read/fleet-snapshot.ts";
import { tagOrDigestOf } from "../read/tags.ts";
import { deprecated, keywordLinks } from "./catalog.ts";
import { type Html, html } from "./html.ts";
import { aboutImage } from "./image.ts";
import { ago, type Column, digestLink, filterLink, mark, tablePanel, words } from "./pieces.ts";

export interface RepositoryPageInput {
  readonly name: string;
  /** `undefined`: its registry is not read. */
  readonly look: Look<RepositoryImages> | undefined;
  /** The one of `look` that is shown. */
  readonly image: CatalogImage | undefined;
  readonly readme: Look<{ readonly readme: Readme | undefined }> | undefined;
  /** The README's text as markup. */
  readonly printedReadme: Html | undefined;
  readonly usage: Usage;
  readonly filters: readonly WasmFilter[];
  readonly fleet: FleetSnapshot;
  readonly now: number;
}

/** One repository: what is there, what it says of itself, how to take it, and who has it. */
export function repositoryPage(input: RepositoryPageInput): Html {
  const { name, look, image, usage, now } = input;
  const owner = ownerOf(name);
  const description = image?.description;
  return html`<p class="crumb"><a href="/catalog">Catalog</a>${owner === undefined ? "" : html` / <a href="${ownerPath(owner)}">${owner}</a>`}</p>
<h1>${owner === undefined ? name : name.slice(owner.length + 1)}</h1>
${
  description === undefined
    ? ""
    : html`<p>${deprecated(description)}${description.title === undefined ? "" : html`<b>${words(description.title, 120)}</b> `}${words(description.text ?? "", 600)}</p>
<p class="row facets">${keywordLinks(description)}</p>`
}
${standing(look, now)}
<div class="aside"><div>${look?.value === undefined ? "" : images(look.value, input)}${had(input)}${readme(input)}</div>
<div>${take(name, image, usage)}${image === undefined ? "" : aboutImage(image)}${usedBy(usage)}</div></div>`;
}

/** Whether its registry is read, and how old that is. */
function standing(look: RepositoryPageInput["look"], now: number): Html {
  if (look === undefined)
    return html`<p class="mute">Filters name this repository, and its registry is not read for the catalog: what is there may be for those alone who have its credentials. <code>weir serve --catalog</code> has it shown.</p>`;
  const problem = look.problem === undefined ? "" : html`<p class="panel bad">${words(look.problem, 600)}</p>`;
  if (look.value === undefined)
    return look.problem === undefined ? html`<p class="mute">It is being read; load the page again.</p>` : html`${problem}`;
  return html`${problem}<p class="mute">Read from its registry ${ago(look.at, now)}.</p>`;
}

const COLUMNS: readonly Column[] = ["Tags", "Digest", "Created", { ofNumbers: "Size" }, "Signature", "Proved here", { ofNumbers: "Runs" }];

function images({ images: all, others }: RepositoryImages, { name, image: shown, filters, fleet, now }: RepositoryPageInput): Html {
  const counts = runCounts(fleet);
  const rows = all.map((image) => {
    const { tags, digest, manifests, size, description, isSigned, problem } = image;
    const links = tags.map(
      (tag, index) =>
        html`${index === 0 ? "" : ", "}<a href="${tagPath(name, tag)}"${image === shown ? html` aria-current="true"` : ""}>${tag}</a>`,
    );
    const runs = runsOf(manifests, counts);
    if (problem !== undefined)
      return html`<tr><th scope="row">${links}</th><td class="wide bad" colspan="6">${words(problem, 300)}</td></tr>
`;
    return html`<tr><th scope="row">${links}</th><td>${digestLink(digest)}</td><td class="mute">${description.created === undefined ? "not said" : ago(description.created, now)}</td><td class="num">${size === undefined ? "" : printBytes(size)}</td><td>${signature(isSigned)}</td><td class="wide">${verdict(verdictOf(manifests, filters))}</td><td class="num">${runs}</td></tr>
`;
  });
  const more = others.length === 0 ? "" : html`<p class="mute">Older tags, which were not looked at: ${others.join(", ")}</p>`;
  return html`<section aria-labelledby="tags"><h2 id="tags">Tags</h2>${tablePanel(COLUMNS, rows)}${more}</section>`;
}

function tagPath(name: string, tag: string): string {
  const path = repositoryPath(name);
  return `${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams({ tag })}`;
}

function signature(isSigned: boolean | undefined): Html {
  if (isSigned === undefined) return html`<span class="mute">not known</span>`;
  return isSigned ? html`there is one` : html`<span class="mute">none</span>`;
}

function verdict({ state, by, result, message }: Verdict): Html {
  if (state === "unknown" || by === undefined) return html`<span class="mute">not yet</span>`;
  const about = html`<span class="mute">for ${filterLink(by.namespace, by.name)}</span>`;
  if (state === "refused") return html`${mark("rejected")} ${about} <span class="mute">${words(message, 200)}</span>`;
  return html`${mark("ok", "loads")} ${about}${isTakenBack(result) ? html`, ${mark(result)} <span class="mute">${words(message, 200)}</span>` : ""}`;
}

const MOST_HAD = 20;

/** What filters had of it, which their history tells whoever reads it. */
function had({ look, usage, fleet, now }: RepositoryPageInput): Html | "" {
  if (look !== undefined || usage.had.length === 0) return "";
  const counts = runCounts(fleet);
  const rows = usage.had.slice(0, MOST_HAD).map(
    ({ namespace, name, item }) =>
      html`<tr><th scope="row">${words(tagOrDigestOf(item.image), 60)}</th><td>${digestLink(item.digest)}</td><td>${filterLink(namespace, name)}</td><td>${mark(item.result)}</td><td class="mute">${ago(item.time, now)}</td><td class="num">${counts.get(item.digest) ?? 0}</td></tr>
`,
  );
  const columns: readonly Column[] = ["Tag then", "Digest", "Filter", "Result", "Made", { ofNumbers: "Runs" }];
  return html`<section aria-labelledby="had"><h2 id="had">What filters had of it</h2>${tablePanel(columns, rows)}</section>`;
}

function readme({ image, readme: look, printedReadme }: RepositoryPageInput): Html | "" {
  if (image?.digest === undefined || look === undefined) return "";
  const of = image.tags[0] ?? shortDigest(image.digest);
  const link = image.description.links.find(({ name }) => name === "README");
  const elsewhere =
    link === undefined
      ? ""
      : html`<p>Its README is elsewhere: <a href="${link.url}" rel="nofollow noopener noreferrer">${words(link.url, 200)}</a></p>`;
  const shown = (content: Html | ""): Html =>
    html`<section class="panel readme" aria-labelledby="readme"><h2 id="readme">README of ${of}</h2>${content}</section>`;
  if (look.value === undefined)
    return shown(
      look.problem === undefined
        ? html`<p class="mute">It is being read; load the page again.</p>`
        : html`<p class="bad">${words(look.problem, 300)}</p>`,
    );
  if (look.value.readme === undefined) return elsewhere === "" ? "" : shown(elsewhere);
  const cut = look.value.readme.isCut ? html`<p class="mute">It is longer: the image has the rest.</p>` : "";
  return shown(html`${printedReadme ?? ""}${cut}`);
}

/** The commands and the manifest that take the image. */
function take(name: string, image: CatalogImage | undefined, { uses, had: revisions }: Usage): Html {
  const [use] = uses;
  const used = use === undefined ? revisions[0]?.item.image : use.image;
  const tag = image?.tags[0] ?? (used === undefined ? undefined : tagOrDigestOf(used));
  if (tag === undefined) return html``;
  const reference = `${name}${tag.startsWith("sha256:") ? "@" : ":"}${tag}`;
  const byDigest = image?.digest === undefined ? "" : copyable("by-digest", `weir pull ${name}@${image.digest}`);
  const isPulled = !name.startsWith("oci-layout:");
  return html`<section class="panel" aria-labelledby="take"><h2 id="take">Take it</h2>${isPulled ? html`${copyable("by-tag", `weir pull ${reference}`)}${byDigest}` : ""}${copyable("manifest", manifestOf(name, reference))}</section>`;
}

/** Text to take along; the button is the script's, and hidden without it. */
function copyable(id: string, text: string): Html {
  return html`<div class="copy"><pre id="copy-${id}">${text}</pre><button type="button" data-copy="copy-${id}">Copy</button></div>`;
}

/** A WasmFilter that takes this image. */
function manifestOf(repository: string, reference: string): string {
  const last = repository.slice(repository.lastIndexOf("/") + 1).toLowerCase();
  const name = last
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 60)
    .replace(/^-+|-+$/g, "");
  const image = /^[\w./:@-]+$/.test(reference) ? reference : JSON.stringify(reference);
  return `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata:\n  name: ${name === "" ? "filter" : name}\nspec:\n  image: ${image}\n`;
}

const MOST_USES = 50;

function usedBy({ uses }: Usage): Html {
  const list = uses
    .slice(0, MOST_USES)
    .map(
      ({ namespace, name, image }) =>
        html`<li>${filterLink(namespace, name)} <span class="mute">${words(tagOrDigestOf(image), 60)}</span></li>`,
    );
  const more = uses.length > MOST_USES ? html`<p class="mute">and ${uses.length - MOST_USES} more</p>` : "";
  return html`<section class="panel" aria-labelledby="used"><h2 id="used">Used by</h2>${uses.length === 0 ? html`<p class="mute">No filter names it.</p>` : html`<ul class="plain">${list}</ul>${more}`}</section>`;
}
