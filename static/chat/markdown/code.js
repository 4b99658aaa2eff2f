import { copy } from "../copy.js";
import { highlighterOf, languageOf } from "./languages.js";

/** More is not worth the stall: highlighting is one task. */
const LONGEST = 20_000;
const CONFIRMED = 1500;

/** Gives the code in `block`, which is complete, its colours. */
export function highlight(block) {
  for (const code of block.querySelectorAll("pre > code[class]")) colour(code);
}

async function colour(code) {
  const language = languageOf(code.className.replace("language-", ""));
  const text = code.textContent;
  if (!language || text.length > LONGEST) return;
  const highlighter = await highlighterOf(language).catch(() => null); // it can be read without
  if (!highlighter || code.textContent !== text) return;
  const { _emitter: emitter } = highlighter.highlight(text, { language, ignoreIllegals: true });
  code.replaceChildren(...emitter.root.children.map(nodeOf));
}

/** As nodes, so that no text is ever read as HTML. */
function nodeOf(part) {
  if (typeof part === "string") return document.createTextNode(part);
  const span = document.createElement("span");
  const [first, ...more] = (part.scope ?? "").split("."); // one that begins another language has none
  if (first && !first.includes(":")) span.className = [`hljs-${first}`, ...more.map((name, i) => name + "_".repeat(i + 1))].join(" ");
  span.append(...part.children.map(nodeOf));
  return span;
}

/** Somebody clicked on the button beside a block of code. */
export async function copyCode(button, words) {
  if (!(await copy(button.nextElementSibling.textContent.replace(/\n$/, "")))) return;
  button.dataset.copied = words.copied;
  setTimeout(() => delete button.dataset.copied, CONFIRMED);
}
