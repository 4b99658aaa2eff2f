import { token } from "./server.js";

const root = document.querySelector("[data-role=docs]");
const night = matchMedia("(prefers-color-scheme: dark)");

/** Swagger UI sets what it has cleaned as plain text. Only elements come of that, never a script. */
globalThis.trustedTypes?.createPolicy("default", { createHTML: (text) => text });

night.addEventListener("change", dress);
dress();
show().catch(apologize);

/** Swagger UI knows day and night by a class. */
function dress() {
  const { classList, dataset } = document.documentElement;
  classList.toggle("dark-mode", dataset.theme ? dataset.theme === "dark" : night.matches);
}

async function show() {
  const place = document.createElement("div");
  const spec = joined(await Promise.all(root.dataset.schemas.split(" ").map(load)));
  root.replaceChildren(place);
  globalThis.SwaggerUIBundle({
    spec,
    domNode: place,
    layout: "BaseLayout",
    deepLinking: true,
    tryItOutEnabled: true,
    requestInterceptor: sign,
    showMutatedRequest: false, // the line for curl is of somebody who has no cookie
  });
}

async function load(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** One schema of several, whose parts have the same meaning where they have the same name. */
function joined(specs) {
  const [first] = specs;
  const paths = Object.assign({}, ...specs.map((spec) => spec.paths));
  const schemas = Object.assign({}, ...specs.map((spec) => spec.components?.schemas));
  const key = { type: "http", scheme: "bearer", description: root.dataset.key };
  const securitySchemes = first.components?.securitySchemes ?? { key };
  const security = Object.keys(securitySchemes).map((name) => ({ [name]: [] }));
  return { security, ...first, paths, components: { ...first.components, schemas, securitySchemes } };
}

/** The cookie alone is no proof that this page asks. */
function sign(request) {
  if (new URL(request.url, location.href).origin === location.origin) request.headers["X-CSRFToken"] = token();
  return request;
}

function apologize(error) {
  root.querySelector("[data-role=docs-state]").textContent = root.dataset.failed;
  throw error;
}
