// Runs before anything else on a page: looks at everything that ever is there, however briefly, and
// notes in `faults` what must not be.
(() => {
  window.faults = [];
  const note = (what) => faults.push(String(what).slice(0, 300));
  window.ran = () => note("it ran");
  for (const name of ["alert", "confirm", "prompt", "print", "open"]) window[name] = () => note(name);
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) => {
    note(`policy: ${effectiveDirective} ${blockedURI} ${sample}`);
  });

  const REL = "noopener noreferrer nofollow";
  const NEVER = "applet, audio, base, embed, frame, iframe, link, math, meta, object, script, source, style, video";
  const ELEMENTS = new Set(("A BLOCKQUOTE BR BUTTON CODE DEL DIV EM H1 H2 H3 H4 H5 H6 HR INPUT LI OL P PRE S SPAN"
    + " STRONG TABLE TBODY TD TH THEAD TR UL").split(" "));
  const ATTRIBUTES = new Set(("aria-label checked class data-align data-copied data-language data-room data-tip"
    + " dir disabled href rel role start tabindex target title type").split(" "));
  const CLASSES = /^(?:(?:code|copy-code|image|pending|raw|table|task|hljs-[\w .:-]+)|language-\S+)$/;

  function look(one) {
    if (one.nodeType !== Node.ELEMENT_NODE) return;
    if (one.closest("body") && one.matches(NEVER)) note(one.outerHTML);
    for (const { name } of one.attributes) if (/^on/i.test(name)) note(one.outerHTML);
    if (one.parentElement?.closest("[data-role=text]")) lookInText(one);
  }

  function lookInText(one) {
    if (!ELEMENTS.has(one.nodeName)) note(one.outerHTML);
    for (const { name } of one.attributes) if (!ATTRIBUTES.has(name)) note(one.outerHTML);
    if (one.className && !CLASSES.test(one.className)) note(one.outerHTML);
    if (one.className.startsWith("language-") && one.nodeName !== "CODE") note(one.outerHTML);
    if (one.hasAttribute("href")) lookAtLink(one);
  }

  /** An address that nobody can read leads nowhere. */
  function lookAtLink(link) {
    const isHarmless = ["http:", "https:", "mailto:", ":"].includes(link.protocol);
    const isAsWritten = /^(?:https?|mailto):/i.test(link.getAttribute("href"));
    const isOnItsOwn = link.rel === REL && link.target === "_blank";
    if (!isHarmless || !isAsWritten || !isOnItsOwn) note(link.outerHTML);
  }

  new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) {
      if (type === "attributes") look(target);
      for (const node of addedNodes) {
        look(node);
        node.querySelectorAll?.("*").forEach(look);
      }
    }
  }).observe(document, { subtree: true, childList: true, attributes: true });
})();
