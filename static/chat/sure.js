import { dress } from "./dress.js";

let dressed = null;

/** Asks once whether a message shall be deleted, in its place: nothing brings it back. */
export async function makeSure(element) {
  const { style, company } = document.querySelector("[data-role=chat]").dataset;
  if (company === undefined) await (dressed ??= dress(style));
  if (!element?.isConnected) return;
  const open = element.querySelector("[data-role=sure]");
  if (open) return open.querySelector("button").focus();
  ask(element, document.querySelector("[data-role=sure-template]").content.firstElementChild.cloneNode(true));
}

function ask(element, question) {
  element.append(question);
  element.dataset.asked = "";
  question.addEventListener("click", ({ target }) => target.closest("[data-role=unsure]") && leave(element, question));
  question.addEventListener("keydown", (event) => pressed(event, element, question));
  question.querySelector("[data-role=surely]").focus({ preventScroll: true });
  question.scrollIntoView({ block: "nearest" });
}

/** Here Escape means this question, and no reply. */
function pressed(event, element, question) {
  if (event.key !== "Escape" || event.isComposing) return;
  event.stopPropagation();
  leave(element, question);
}

function leave(element, question) {
  question.remove();
  delete element.dataset.asked;
  element.querySelector("[data-role=delete]").focus({ preventScroll: true });
}
