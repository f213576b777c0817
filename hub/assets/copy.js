// Buttons that put the text beside them on the clipboard. They are hidden without a script, and where the browser has no clipboard for the page.
if (navigator.clipboard) {
  document.documentElement.classList.add("copies");
  document.addEventListener("click", async ({ target }) => {
    const button = target instanceof Element ? target.closest("button[data-copy]") : null;
    const text = button && document.getElementById(button.dataset.copy)?.textContent;
    if (!text) return;
    try {
      await navigator.clipboard.writeText(text);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1_500);
    } catch {
      // The person said no: the text is there to be selected.
    }
  });
}
