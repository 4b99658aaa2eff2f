// Dresses the page as its reader wants it. A classic script, which the browser waits for before it draws anything.
(() => {
  const { documentElement: root } = document;

  function dress(wishes) {
    for (const name of ["theme", "size", "pace", "motion"]) {
      if (wishes?.[name]) root.dataset[name] = wishes[name];
      else delete root.dataset[name];
    }
    for (const meta of document.querySelectorAll("meta[name=theme-color]")) tint(meta, wishes?.theme);
  }

  /** The bars of the browser follow the page, not the system. */
  function tint(meta, theme) {
    const usual = (meta.dataset.usual ??= meta.media);
    meta.media = theme ? (usual.includes(theme) ? "all" : "not all") : usual;
  }

  addEventListener("reader", ({ detail }) => dress(detail));
  try {
    dress(JSON.parse(localStorage.getItem("chat:reader")));
  } catch {
    // Nothing is kept here, or nothing may be.
  }
})();
