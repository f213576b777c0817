// What a person is asked before they act opens as a dialog over the page that they are on: the same page that the link leads to, fetched and put in. Its form is sent as
// any form is. It stands outside `main`, which is kept as the server would print it now. Without this script the links lead to those pages.

const ACT = /^\/filters\/[^/]+\/[^/]+\/act\/[a-z]+$/;

/** What the dialog waits for; aborted when something else is asked, and when it closes. */
let asking = new AbortController();

function openDialog() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Before you act");
  const waits = document.createElement("p");
  waits.role = "status";
  waits.textContent = "Looking at what would change…";
  dialog.append(waits);
  dialog.addEventListener("close", () => {
    asking.abort();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Shows what the page at `href` asks. Whatever else is there (nobody is signed in any more, the filter is gone) is a page to go to. */
async function ask(href, dialog) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const answer = await fetch(href, { headers: { accept: "text/html" }, signal });
    const main = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (answer.ok && main?.querySelector('form[method="post"]')) fill(dialog, main);
    else location.assign(href);
  } catch {
    if (!signal.aborted) location.assign(href);
  }
}

function fill(dialog, main) {
  main.querySelector(".crumb")?.remove();
  dialog.replaceChildren(...main.childNodes);
  const heading = dialog.querySelector("h1");
  if (!heading) return;
  heading.id = "asked";
  heading.tabIndex = -1;
  dialog.removeAttribute("aria-label");
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.scrollTop = 0;
  heading.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const dialog = link.closest("dialog");
  if (dialog && link.hasAttribute("data-cancel")) {
    event.preventDefault();
    dialog.close();
  } else if (link.origin === location.origin && ACT.test(link.pathname)) {
    event.preventDefault();
    void ask(link.href, dialog ?? openDialog());
  }
});

// The choice of another revision: what it would change is shown in the same place.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "get" || !form.closest("dialog")) return;
  event.preventDefault();
  const to = new URL(form.action);
  to.search = new URLSearchParams(new FormData(form)).toString();
  void ask(to.href, form.closest("dialog"));
});
