/** Fetches a style sheet that not every visit needs. Resolves when it is there, or will not come. */
export function dress(href) {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}
