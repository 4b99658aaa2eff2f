/** The admin's pages of an assistant: only the fields that its kind has, and one test at a time. */

/** Shows what is only for models while `select`, the kind, is one of a model. */
function followKind(select) {
  const show = () => {
    for (const part of document.querySelectorAll(".for-models"))
      part.hidden = select.value === "scripted" && !part.querySelector(".errors");
  };
  select.addEventListener("change", show);
  show();
}

/** Says that a test is going on, until the page with its result is there. */
function sayThatItWaits(form) {
  const button = form.querySelector("button, [type=submit]");
  const label = button.value || button.textContent;
  const name = (text) => (button.matches("input") ? (button.value = text) : (button.textContent = text));
  form.addEventListener("submit", () => ((button.disabled = true), name("Testing…")));
  addEventListener("pageshow", () => ((button.disabled = false), name(label)));
}

addEventListener("DOMContentLoaded", () => {
  const kind = document.querySelector("select#id_kind");
  if (kind) followKind(kind);
  for (const form of document.querySelectorAll("[data-role=test-connection]")) sayThatItWaits(form);
});
