import { forget } from "./keep.js";
import { Store } from "./store.js";

/** Drafts and unsent messages are kept in the browser alone; they go too. */
for (const store of [new Store(), Store.ofTab()]) {
  for (const name of store.names("chat:")) store.remove(name);
}
forget();
