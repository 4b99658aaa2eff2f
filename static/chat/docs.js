import { token } from "./server.js";

const root = document.querySelector("[data-role=docs]");
/** What stands in an example where the schema has none. */
const SAMPLES = { user_id: "bob", string: "Hello", integer: 1, boolean: true };

/** What Swagger UI leaves without a name, for those who cannot see it. */
const NAMES = {
  ".copy-to-clipboard button": root.dataset.copy,
  ".close-modal": root.dataset.close,
  ".body-param__text": root.dataset.body,
  ".parameters select": root.dataset.value,
};


/** Swagger UI sets what it has cleaned as plain text. Only elements come of that, never a script. */
globalThis.trustedTypes?.createPolicy("default", { createHTML: (text) => text });

show().catch(apologize);

async function show() {
  const place = document.createElement("div");
  const spec = joined(await Promise.all(root.dataset.schemas.trim().split(" ").map(load)));
  for (const body of bodies(spec)) exemplify(body, spec.components.schemas);
  root.replaceChildren(place);
  new MutationObserver(name).observe(place, { childList: true, subtree: true });
  globalThis.SwaggerUIBundle({
    spec,
    domNode: place,
    layout: "BaseLayout",
    deepLinking: true,
    tryItOutEnabled: true,
    defaultModelsExpandDepth: -1, // each call shows what it takes and gives
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
  const all = (part) => Object.assign({}, ...specs.map(part));
  const kinds = Object.keys(all((spec) => spec.components));
  const components = Object.fromEntries(kinds.map((kind) => [kind, all((spec) => spec.components?.[kind])]));
  return withoutCookies({ ...all((spec) => spec), paths: all((spec) => spec.paths), components });
}

/** The browser sends them by itself: nobody has to type one. */
function withoutCookies(spec) {
  const schemes = Object.entries(spec.components.securitySchemes ?? {}).filter(([, scheme]) => scheme.in !== "cookie");
  const security = schemes.map(([name]) => ({ [name]: [] }));
  return { ...spec, security, components: { ...spec.components, securitySchemes: Object.fromEntries(schemes) } };
}

/** What the calls take, as JSON. */
function bodies({ paths }) {
  const calls = Object.values(paths).flatMap((path) => Object.values(path));
  return calls.flatMap(({ requestBody }) => requestBody?.content?.["application/json"] ?? []);
}

/** An example with all that has to be there, and nothing that may refer to what is not: it can be sent as it stands. */
function exemplify(body, schemas) {
  const { required = [], properties = {}, examples } = schemas[body.schema?.$ref?.split("/").at(-1)] ?? {};
  const samples = required.map((name) => [name, sample(name, properties[name])]);
  if (examples || body.example || samples.some(([, value]) => value === undefined)) return;
  body.example = Object.fromEntries(samples);
}

function sample(name, { examples = [], enum: choices = [], type }) {
  return examples[0] ?? choices[0] ?? SAMPLES[name] ?? SAMPLES[type];
}

function name() {
  for (const [selector, label] of Object.entries(NAMES)) {
    for (const element of root.querySelectorAll(`${selector}:not([aria-label])`)) element.ariaLabel = label;
  }
  for (const code of root.querySelectorAll("pre.microlight:not([tabindex])")) code.tabIndex = 0; // it may scroll
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
