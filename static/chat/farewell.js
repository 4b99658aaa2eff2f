import { forget } from "./keep.js";
import { Store } from "./store.js";

/** Said to the other pages that are open in this browser. */
const FAREWELL = "chat:farewell";
/** What was written and is only kept in the browser; what the reader has chosen stays. */
const OWN = ["chat:draft:", "chat:outbox:", "chat:edit:", "chat:assistant:", "chat:left"];
const LOGOUT = "[data-role=logout], #logout-form";

const store = new Store();

/** Whoever logs out leaves nothing half-written to whoever comes after them. */
function leave() {
  for (const area of [store, Store.ofTab()]) {
    for (const name of OWN.flatMap((prefix) => area.names(prefix))) area.remove(name);
  }
  forget();
}

/** In another page: it is closed, and what is typed there would be kept again. */
function close() {
  for (const field of document.querySelectorAll("textarea")) {
    Object.assign(field, { value: "", disabled: true });
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  leave();
}

addEventListener("submit", ({ target }) => {
  if (!target.matches(LOGOUT)) return;
  leave();
  store.write(FAREWELL, Date.now());
  store.remove(FAREWELL);
});
addEventListener("storage", ({ key, newValue }) => key === FAREWELL && newValue && close());
