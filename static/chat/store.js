/** The browser's storage, which may be full, forbidden or absent: then things are simply not kept. */
export class Store {
  #area;

  constructor(area = storage()) {
    this.#area = area;
  }

  /** One that ends with the tab. */
  static ofTab() {
    return new Store(attempt(() => sessionStorage));
  }

  read(name) {
    return attempt(() => JSON.parse(this.#area.getItem(name))) ?? null;
  }

  write(name, value) {
    attempt(() => this.#area.setItem(name, JSON.stringify(value)));
  }

  remove(name) {
    attempt(() => this.#area.removeItem(name));
  }

  /** What is kept under names that begin with `from` is kept with `to` instead, where nothing is yet. */
  rename(from, to) {
    for (const name of this.names(from)) {
      const renamed = to + name.slice(from.length);
      if (this.read(renamed) !== null) continue;
      this.write(renamed, this.read(name));
      this.remove(name);
    }
  }

  names(prefix) {
    return (attempt(() => Object.keys(this.#area)) ?? []).filter((name) => name.startsWith(prefix));
  }
}

function storage() {
  return attempt(() => localStorage);
}

function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
