// Keeps an open page as the server would print it now: a change is told by server-sent events, the page is fetched again, and what differs is put in. Without this
// script the pages are complete; they only stay as they were.

const SOON_MS = 30;
const AGAIN_MS = 250;
/** After which a page that is behind (a large fleet is not summed up for every look) is asked for again. */
const BEHIND_MS = 1_100;

let waiting = false;
let again = false;

function later(milliseconds) {
  if (waiting) {
    again = true;
    return;
  }
  waiting = true;
  setTimeout(refresh, milliseconds);
}

async function refresh() {
  again = false;
  try {
    // It keeps nobody signed in who left the page open.
    const answer = await fetch(location.href, { headers: { accept: "text/html", "weir-background": "true" } });
    if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The server is away: the page says so by its clock, and the next event brings it back.
  }
  waiting = false;
  if (again) later(AGAIN_MS);
  else if (document.querySelector("main[data-behind]")) setTimeout(() => later(0), BEHIND_MS);
}

function take(fresh) {
  for (const place of ["main", ".live time"]) {
    const [old, now] = [document.querySelector(place), fresh.querySelector(place)];
    if (old && now) morph(old, now);
  }
}

/** Makes `old` as `now` is, touching only what differs: what is selected, focused or being typed stays. */
function morph(old, now) {
  for (const { name } of [...old.attributes]) if (!now.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of [...now.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const fresh = [...now.childNodes];
  for (const [at, next] of fresh.entries()) {
    const here = old.childNodes[at];
    const known = next.id ? [...old.children].find(({ id }) => id === next.id) : undefined;
    if (known && known !== here) old.insertBefore(known, here ?? null);
    const kept = known ?? here;
    if (kept === undefined) old.append(next);
    else if (!isAlike(kept, next)) kept.replaceWith(next);
    else if (next.nodeType === Node.ELEMENT_NODE) morph(kept, next);
    else if (kept.nodeValue !== next.nodeValue) kept.nodeValue = next.nodeValue;
  }
  while (old.childNodes.length > fresh.length) old.lastChild.remove();
}

function isAlike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.id ?? "") === (other.id ?? "");
}

const events = new EventSource("/api/v1/events");
events.addEventListener("state", () => later(SOON_MS));
events.addEventListener("change", () => later(SOON_MS));
events.addEventListener("reset", () => later(SOON_MS));
events.addEventListener("open", () => {
  document.querySelector(".live")?.classList.add("on");
  later(SOON_MS);
});
events.addEventListener("error", () => document.querySelector(".live")?.classList.remove("on"));

document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof Element && event.target.closest("input, select, textarea");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.querySelector(".search input")?.focus();
});
