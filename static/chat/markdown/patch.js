// Brings what stands on the page to what is to stand there, and touches nothing that stays the same: a
// selection in it survives. Each node of a tree knows its place on the page as `dom`.

/** `olds` are on the page, in `parent`, right before `end`; `fresh` take their place. */
export function patch(parent, olds, fresh, end = null) {
  for (const [i, node] of fresh.entries()) {
    if (i >= olds.length) parent.insertBefore(make(node), end);
    else if (!fits(olds[i], node)) parent.replaceChild(make(node), olds[i].dom);
    else adapt(olds[i], node);
  }
  for (const old of olds.slice(fresh.length)) old.dom.remove();
}

function fits(old, node) {
  return old.tag === node.tag;
}

function adapt(old, node) {
  node.dom = old.dom;
  if (node.tag === undefined) return rewrite(node.dom, old.text, node.text);
  for (const name of Object.keys(old.attrs)) if (node.attrs[name] === undefined) node.dom.removeAttribute(name);
  for (const [name, value] of Object.entries(node.attrs)) if (old.attrs[name] !== value) write(node.dom, name, value);
  patch(node.dom, old.kids, node.kids);
}

/** What only grew keeps the selection in it. */
function rewrite(dom, old, text) {
  if (text === old) return;
  if (text.startsWith(old)) dom.appendData(text.slice(old.length));
  else if (old.startsWith(text)) dom.deleteData(text.length, old.length - text.length);
  else dom.data = text;
}

function make(node) {
  if (node.tag === undefined) return (node.dom = document.createTextNode(node.text));
  node.dom = document.createElement(node.tag);
  for (const [name, value] of Object.entries(node.attrs)) write(node.dom, name, value);
  for (const kid of node.kids) node.dom.append(make(kid));
  return node.dom;
}

function write(dom, name, value) {
  if (value !== undefined) dom.setAttribute(name, value);
}
