// Brings what stands on the page to what is to stand there, and touches nothing that stays the same: a
// selection in it survives. Each node of a tree knows its place on the page as `dom`.

/** What most elements have of attributes; one and the same, so that it need not be looked through. */
export const NONE = Object.freeze({});

/** `olds` are on the page, in `parent`, right before `end`; `fresh` take their place. */
export function patch(parent, olds, fresh, end = null) {
  for (let i = 0; i < fresh.length; i++) {
    if (i >= olds.length) parent.insertBefore(make(fresh[i]), end);
    else if (olds[i].tag !== fresh[i].tag) parent.replaceChild(make(fresh[i]), olds[i].dom);
    else adapt(olds[i], fresh[i]);
  }
  for (let i = fresh.length; i < olds.length; i++) olds[i].dom.remove();
}

function adapt(old, node) {
  node.dom = old.dom;
  if (node.tag === undefined) return rewrite(node.dom, old.text, node.text);
  if (old.attrs !== node.attrs) dress(node.dom, old.attrs, node.attrs);
  patch(node.dom, old.kids, node.kids);
}

/** What only grew keeps the selection in it. */
function rewrite(dom, old, text) {
  if (text === old) return;
  if (text.startsWith(old)) dom.appendData(text.slice(old.length));
  else if (old.startsWith(text)) dom.deleteData(text.length, old.length - text.length);
  else dom.data = text;
}

function dress(dom, old, attrs) {
  for (const name in old) if (attrs[name] === undefined) dom.removeAttribute(name);
  for (const name in attrs) if (attrs[name] !== old[name] && attrs[name] !== undefined) dom.setAttribute(name, attrs[name]);
}

function make(node) {
  if (node.tag === undefined) return (node.dom = document.createTextNode(node.text));
  node.dom = document.createElement(node.tag);
  dress(node.dom, NONE, node.attrs);
  for (const kid of node.kids) node.dom.append(make(kid));
  return node.dom;
}
