import { copy } from "./copy.js";

/** Puts a link where one pastes from, where a page without other scripts shows some. */
const status = document.querySelector("[data-role=link-status]");

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-role=copy-link]");
  if (!button) return;
  const field = button.parentElement.querySelector("input");
  const done = await copy(field.value);
  if (!done) field.select();
  button.dataset.done = done;
  status.textContent = done ? button.dataset.copied : status.dataset.uncopied;
  if (done) button.textContent = button.dataset.copied;
});
