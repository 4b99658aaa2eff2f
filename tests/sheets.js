/**
 * What the tests of Markdown do on a page: texts are drawn in one piece or in many, and compared with
 * what markdown-it, which the page must have been given as `markdownit`, makes of them itself.
 */
async () => {
  const { Sheet } = await import("/static/chat/markdown/sheet.js");
  await Sheet.load();

  const REL = "noopener noreferrer nofollow";
  const ALLOWED = /^(?:https?:\/\/[^/]|mailto:.)/i;
  /** How the standard has it: with images, and links wherever they lead. */
  const STANDARD = { gfm: false, images: true, allows: () => true };
  const VARIANTS = { standard: STANDARD, github: { gfm: true }, breaks: { gfm: true, breaks: true } };

  const parsers = {
    standard: markdownit("commonmark", { html: false }),
    raw: markdownit("commonmark"),
    github: github({ breaks: false }),
    breaks: github({ breaks: true }),
  };

  function github(options) {
    const parser = markdownit({ html: false, linkify: true, ...options });
    const validate = (text, pos, it) => Math.max(0, it.testSchemaAt(`//www.${text.slice(pos)}`, "http:", 0) - 6);
    const normalize = (match) => { match.url = `http://${match.url}`; };
    parser.linkify.add("ftp:", null).add("//", null).add("www.", { validate, normalize });
    return parser;
  }

  async function drawn(pieces, variant, use = async () => {}) {
    const element = document.body.appendChild(document.createElement("div"));
    const sheet = new Sheet(element, VARIANTS[variant]);
    try {
      await use(element, (look = () => {}) => {
        for (const [i, piece] of pieces.entries()) {
          sheet.appendData(piece);
          sheet.flush();
          look(i);
        }
        return sheet.end();
      });
      return plain(element);
    } finally {
      sheet.stop();
      element.remove();
    }
  }

  /** The HTML of what `pieces` come to, without what this product adds on purpose. */
  function html(pieces, variant) {
    return drawn(pieces, variant, (_, write) => write());
  }

  /** The same of what markdown-it itself makes of `text`. */
  function reference(text, variant) {
    const body = parsed(parsers[variant].render(text));
    if (variant !== "standard") {
      for (const image of body.querySelectorAll("img")) image.replaceWith(image.closest("a") ? image.alt || image.getAttribute("src") : linkTo(image));
      for (const link of body.querySelectorAll("a")) if (!allowed(link)) link.replaceWith(hint(link));
    }
    return plain(body);
  }

  function parsed(text) {
    const template = document.createElement("template");
    template.innerHTML = text;
    return template.content;
  }

  function linkTo(image) {
    const link = document.createElement("a");
    const { alt, title } = image;
    link.setAttribute("href", image.getAttribute("src"));
    if (image.hasAttribute("title")) link.title = title;
    link.textContent = allowed(link) ? alt || image.getAttribute("src") : alt;
    return link;
  }

  function allowed(link) {
    return ALLOWED.test(link.getAttribute("href"));
  }

  /** What may not be linked to is told beside the words. */
  function hint(link) {
    const words = document.createElement("span");
    words.title = link.getAttribute("href");
    words.append(...link.childNodes);
    return words;
  }

  /** The one place that knows what this product has otherwise than markdown-it. */
  function plain(root) {
    const body = document.createElement("div");
    body.append(root.cloneNode(true));
    if (root.nodeType === Node.ELEMENT_NODE) body.firstChild.replaceWith(...body.firstChild.childNodes);
    for (const frame of body.querySelectorAll("div.table, div.code")) frame.replaceWith(frame.querySelector("table, pre"));
    for (const code of body.querySelectorAll("pre > code")) code.textContent = code.textContent;
    for (const box of body.querySelectorAll("li.task input")) box.replaceWith(box.checked ? "[x]" : "[ ]");
    for (const item of body.querySelectorAll("li.task")) item.removeAttribute("class");
    for (const link of body.querySelectorAll("a")) bare(link);
    for (const cell of body.querySelectorAll("[data-align]")) align(cell);
    for (const cell of body.querySelectorAll("[data-room]")) cell.removeAttribute("data-room");
    for (const image of body.querySelectorAll("img")) drop(image, { loading: "lazy", referrerpolicy: "no-referrer" });
    for (const one of body.querySelectorAll("*")) drop(one, { dir: "auto", tabindex: "0" });
    for (const quote of body.querySelectorAll("blockquote")) if (!quote.textContent.trim()) quote.textContent = "";
    body.normalize();
    trimEnd(body); // spaces at the very end stay, as they were typed
    return body.innerHTML.replace(/\n$/, "").replace(/(<li>(?:\n?<p>)?)\[X\]/g, "$1[x]");
  }

  function trimEnd(body) {
    const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.unshift(walker.currentNode);
    texts.some((text) => (text.data = text.data.trimEnd()));
  }

  function bare(link) {
    drop(link, { target: "_blank", rel: REL });
    if (link.className === "image") link.removeAttribute("class");
  }

  function align(cell) {
    cell.setAttribute("style", `text-align:${cell.dataset.align}`);
    cell.removeAttribute("data-align");
  }

  function drop(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
      if (element.getAttribute(name) === value) element.removeAttribute(name);
    }
  }

  /** The examples, [number, text], that are drawn otherwise than markdown-it has them, by number. */
  async function otherwise(examples, variant, isBitByBit) {
    const wrong = {};
    for (const [number, text] of examples) {
      const shown = await html(isBitByBit ? [...text] : [text], variant);
      const wanted = reference(text, variant);
      if (shown !== wanted) wrong[number] = { text, shown, wanted };
    }
    return wrong;
  }

  /** Those, [number, text, html], that are otherwise than they say; and which have HTML, which is text here. */
  async function notStandard(examples) {
    const wrong = {};
    const raw = [];
    for (const [number, text, expected] of examples) {
      if (parsers.standard.render(text) !== parsers.raw.render(text)) {
        raw.push(number);
        continue;
      }
      const shown = await html([text], "standard");
      const wanted = plain(parsed(expected));
      if (shown !== wanted) wrong[number] = { text, shown, wanted };
    }
    return { wrong, raw };
  }

  /** One text, in one piece and by characters. */
  async function both(text, variant) {
    return { whole: await html([text], variant), wanted: reference(text, variant), pieces: await html([...text], variant) };
  }

  /** The first step after which is shown what would not be if all until then had come at once, {text, shown, wanted}, or null. */
  async function astray(pieces, variant) {
    let found = null;
    await drawn(pieces, variant, (element, write) => write((i) => {
      const text = pieces.slice(0, i + 1).join("");
      const [shown, wanted] = [element, begun(text, variant)].map(bearing);
      if (!shown.isEqualNode(wanted)) found ??= { text, shown: shown.innerHTML, wanted: wanted.innerHTML };
    }));
    return found;
  }

  /** What `text` is shown as that goes on. */
  function begun(text, variant) {
    const element = document.createElement("div");
    const sheet = new Sheet(element, VARIANTS[variant]);
    sheet.appendData(text);
    sheet.flush();
    sheet.stop();
    return element;
  }

  function cells(text) {
    return [...begun(text, "github").querySelectorAll("td")].map((cell) => cell.innerHTML);
  }

  /** What is shown but for code, in which no mark is one while it is open. */
  function bearing(element) {
    const copy = document.createElement("div");
    copy.append(...element.cloneNode(true).childNodes);
    for (const code of copy.querySelectorAll("pre > code")) code.textContent = "";
    return copy;
  }

  /**
   * Draws a document in pieces. Returns the HTML; which blocks were changed although two others stood
   * below them already; and of what was selected half-way, what is selected in the end.
   */
  async function stream(pieces, variant) {
    const touched = [];
    const selected = [];
    const shown = await drawn(pieces, variant, async (element, write) => {
      const watch = new MutationObserver(() => {});
      watch.observe(element, { subtree: true, childList: true, characterData: true, attributes: true });
      let finished = [];
      await write((i) => {
        for (const node of watch.takeRecords().flatMap(touchedBy)) {
          const block = finished.find((one) => one.contains(node));
          if (block) touched.push(block.outerHTML.slice(0, 200));
        }
        finished = [...element.children].slice(0, -2);
        if (i === Math.floor(pieces.length / 2)) selected.push(select(finished.find((one) => one.textContent.trim())));
      });
      watch.disconnect();
      selected.push(String(getSelection()));
    });
    return { html: shown, touched, selected };
  }

  /** Code gets its colours when it is complete, whenever they are there. */
  function touchedBy({ target, removedNodes }) {
    return target.nodeName === "CODE" ? [] : [target, ...removedNodes];
  }

  function select(element) {
    getSelection().selectAllChildren(element);
    return String(getSelection());
  }

  /** Draws the beginning of a paragraph, selects it, and draws the rest. Returns what is selected then. */
  async function grow(beginning, pieces) {
    let selected = null;
    await drawn([beginning, ...pieces], "github", async (element, write) => {
      await write((i) => {
        if (i === 0) getSelection().setBaseAndExtent(element.querySelector("p").firstChild, 0, element.querySelector("em").firstChild, 4);
      });
      selected = String(getSelection());
    });
    return selected;
  }

  globalThis.sheets = { astray, both, cells, grow, notStandard, otherwise, reference, stream };
}
