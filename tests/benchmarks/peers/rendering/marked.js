import DOMPurify from "dompurify";
import { marked } from "marked";

/** As one does without a framework: all of it anew with every chunk, cleaned, as HTML. */
export async function open(element) {
  let text = "";
  return {
    append: (chunk) => {
      text += chunk;
      element.innerHTML = DOMPurify.sanitize(marked.parse(text));
    },
    end: () => {},
  };
}
