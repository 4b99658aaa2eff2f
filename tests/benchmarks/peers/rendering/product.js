import { Sheet } from "/static/chat/markdown/sheet.js";

/** As the product's page does, but that the page draws at most once per frame, and here each step is drawn. */
export async function open(element) {
  await Sheet.load();
  const sheet = new Sheet(element, { gfm: true, breaks: false, images: false, highlight: true });
  return {
    append: (chunk) => {
      sheet.appendData(chunk);
      sheet.flush();
    },
    end: () => sheet.end(),
  };
}
