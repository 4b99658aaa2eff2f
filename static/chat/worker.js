const PATH = "/service-worker.js";

/** The one script that a page names by a text; so the text is none that anybody else could have made. */
const policy = globalThis.trustedTypes?.createPolicy("service-worker", { createScriptURL: () => PATH });

/** Where the browser keeps nothing (a private window, plain http), the chat needs a connection, as ever. */
async function install() {
  try {
    await navigator.serviceWorker?.register(policy?.createScriptURL("") ?? PATH, { updateViaCache: "none" });
  } catch {
    // Nothing depends on it.
  }
}

// What the page itself needs comes first.
if (document.readyState === "complete") install();
else addEventListener("load", install, { once: true });
