/** Nothing but the characters, as text: below this nobody can be. */
export async function open(element) {
  const text = element.appendChild(document.createTextNode(""));
  return {
    append: (chunk) => text.appendData(chunk),
    end: () => {},
  };
}
