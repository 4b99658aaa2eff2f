// Which language of code is in which file, and what else people call it. Each is loaded when it is first met.

const FILES = {
  bash: () => import("../../vendor/highlight.js/languages/bash.min.js"),
  c: () => import("../../vendor/highlight.js/languages/c.min.js"),
  cpp: () => import("../../vendor/highlight.js/languages/cpp.min.js"),
  csharp: () => import("../../vendor/highlight.js/languages/csharp.min.js"),
  css: () => import("../../vendor/highlight.js/languages/css.min.js"),
  dart: () => import("../../vendor/highlight.js/languages/dart.min.js"),
  diff: () => import("../../vendor/highlight.js/languages/diff.min.js"),
  dockerfile: () => import("../../vendor/highlight.js/languages/dockerfile.min.js"),
  elixir: () => import("../../vendor/highlight.js/languages/elixir.min.js"),
  go: () => import("../../vendor/highlight.js/languages/go.min.js"),
  graphql: () => import("../../vendor/highlight.js/languages/graphql.min.js"),
  haskell: () => import("../../vendor/highlight.js/languages/haskell.min.js"),
  http: () => import("../../vendor/highlight.js/languages/http.min.js"),
  ini: () => import("../../vendor/highlight.js/languages/ini.min.js"),
  java: () => import("../../vendor/highlight.js/languages/java.min.js"),
  javascript: () => import("../../vendor/highlight.js/languages/javascript.min.js"),
  json: () => import("../../vendor/highlight.js/languages/json.min.js"),
  julia: () => import("../../vendor/highlight.js/languages/julia.min.js"),
  kotlin: () => import("../../vendor/highlight.js/languages/kotlin.min.js"),
  latex: () => import("../../vendor/highlight.js/languages/latex.min.js"),
  less: () => import("../../vendor/highlight.js/languages/less.min.js"),
  lua: () => import("../../vendor/highlight.js/languages/lua.min.js"),
  makefile: () => import("../../vendor/highlight.js/languages/makefile.min.js"),
  markdown: () => import("../../vendor/highlight.js/languages/markdown.min.js"),
  nginx: () => import("../../vendor/highlight.js/languages/nginx.min.js"),
  objectivec: () => import("../../vendor/highlight.js/languages/objectivec.min.js"),
  perl: () => import("../../vendor/highlight.js/languages/perl.min.js"),
  php: () => import("../../vendor/highlight.js/languages/php.min.js"),
  powershell: () => import("../../vendor/highlight.js/languages/powershell.min.js"),
  protobuf: () => import("../../vendor/highlight.js/languages/protobuf.min.js"),
  python: () => import("../../vendor/highlight.js/languages/python.min.js"),
  r: () => import("../../vendor/highlight.js/languages/r.min.js"),
  ruby: () => import("../../vendor/highlight.js/languages/ruby.min.js"),
  rust: () => import("../../vendor/highlight.js/languages/rust.min.js"),
  scala: () => import("../../vendor/highlight.js/languages/scala.min.js"),
  scss: () => import("../../vendor/highlight.js/languages/scss.min.js"),
  shell: () => import("../../vendor/highlight.js/languages/shell.min.js"),
  sql: () => import("../../vendor/highlight.js/languages/sql.min.js"),
  swift: () => import("../../vendor/highlight.js/languages/swift.min.js"),
  typescript: () => import("../../vendor/highlight.js/languages/typescript.min.js"),
  vim: () => import("../../vendor/highlight.js/languages/vim.min.js"),
  xml: () => import("../../vendor/highlight.js/languages/xml.min.js"),
  yaml: () => import("../../vendor/highlight.js/languages/yaml.min.js"),
};

const NAMES = new Map(Object.entries({
  sh: "bash", zsh: "bash", h: "c", "c++": "cpp", cc: "cpp", hpp: "cpp", cs: "csharp", "c#": "csharp", patch: "diff",
  docker: "dockerfile", ex: "elixir", golang: "go", gql: "graphql", hs: "haskell", conf: "ini", toml: "ini", env: "ini",
  js: "javascript", jsx: "javascript", mjs: "javascript", node: "javascript", json5: "json", jsonc: "json", jl: "julia",
  kt: "kotlin", tex: "latex", make: "makefile", md: "markdown", mm: "objectivec", pl: "perl", ps: "powershell",
  ps1: "powershell", pwsh: "powershell", proto: "protobuf", py: "python", python3: "python", pycon: "python", rb: "ruby",
  rs: "rust", console: "shell", "shell-session": "shell", postgresql: "sql", mysql: "sql", sqlite: "sql", ts: "typescript",
  tsx: "typescript", html: "xml", svg: "xml", xhtml: "xml", vue: "xml", yml: "yaml",
}));

/** Languages that occur within another. */
const WITHIN = { shell: ["bash"], dockerfile: ["bash"], xml: ["css", "javascript"] };

let core = null;
const known = new Set();

/** The language that people call `name`, or undefined. */
export function languageOf(name) {
  const lower = name.toLowerCase();
  return Object.hasOwn(FILES, lower) ? lower : NAMES.get(lower);
}

/** Resolves to highlight.js with that language. */
export async function highlighterOf(language) {
  core ??= import("../../vendor/highlight.js/core.min.js");
  const languages = [language, ...(WITHIN[language] ?? [])];
  const [{ default: highlighter }, ...grammars] = await Promise.all([core, ...languages.map((name) => FILES[name]())]);
  for (const [i, name] of languages.entries()) {
    if (!known.has(name)) highlighter.registerLanguage(name, grammars[i].default);
    known.add(name);
  }
  return highlighter;
}
