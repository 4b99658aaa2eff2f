/** Puts text where one pastes from; false if the browser does not let us. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text); // over plain http there is no such thing as a clipboard
  }
}

function copyByHand(text) {
  const focused = document.activeElement;
  const paper = document.createElement("textarea");
  paper.value = text;
  paper.readOnly = true;
  paper.className = "unseen";
  paper.style.whiteSpace = "pre"; // or spaces would be lost
  document.body.append(paper);
  paper.select();
  const done = document.execCommand("copy");
  paper.remove();
  focused?.focus({ preventScroll: true });
  return done;
}
