// What half-written Markdown is most likely to become. Pure: text goes in, and text comes out that
// shows it, so that marks do not flicker while they are being typed.

/** What an address is that is not there yet. */
export const PENDING = "pending:";

/** An underline, a rule, a bullet, or a fence: what it is, only more of it can tell. */
const UNDECIDED = /^[\s>]*(?:[-=]+|[*_]{2,}|(?:[-*_] +){2,}[-*_]?|`+|~+)\s*$/;
/** A definition, which is not seen, if there is nothing above it that it could belong to. */
const DEFINITION = /(?:^|\n[ \t]*\n| {0,3}\[[^\]\n]+\]:[^\n]*\n) {0,3}\[[^\]\n]+\]:[^\n]*$/;
const MARKS = /(?:!?\[|[\\*_~`])+$/;
const TASK = /^\[(?:[ xX]?|[ xX]\])$/;
const ADDRESS = /<((?:https?:\/\/|mailto:)[^\s<>]*)$/;
/** Of a link: its words, and possibly the beginning of where it leads. */
const LINK = /!?\[([^[\]\n]{1,200})(?:\](?:\((?:[^()\n]|\([^()\n]*\)?)*|\[[^[\]\n]*)?)?$/;

/** Of the blocks of a text that goes on: its last line, where that says too little or too much. */
export function guessBlocks(text) {
  const start = text.lastIndexOf("\n") + 1;
  const line = text.slice(start);
  if (UNDECIDED.test(line) || isDefinition(text, line)) return text.slice(0, start);
  return isRow(line, text, start) ? asTable(text, start, line) : text;
}

/**
 * Of a paragraph's or cell's text that goes on: with its open marks closed. `unclosed(text)` returns the
 * marks of emphasis that are open at its end, the last first.
 */
export function guessInline(text, unclosed) {
  if (!/[[*_~`<\\]/.test(text)) return text; // as most is, and this is asked for each character
  if (TASK.test(text)) return "";
  let [words, space] = split(text.replace(MARKS, "").replace(ADDRESS, "$1"));
  const ticks = openTicks(words);
  if (ticks) words += ticks;
  else words = words.replace(LINK, (_, label) => `[${guessInline(label, unclosed)}](${PENDING})`);
  return words + (/[*_~]/.test(words) ? unclosed(words) : "") + space;
}

function isRow(line, text, start) {
  return line.startsWith("|") || (line === "" && text.startsWith("|", text.lastIndexOf("\n", start - 2) + 1));
}

function isDefinition(text, line) {
  return /^ {0,3}\[/.test(line) && DEFINITION.test(text.slice(-2000));
}

/** The head of a table is one before the line below says so. */
function asTable(text, start, line) {
  const rows = rowsAbove(text, start);
  if (line) rows.push(line);
  if (rows.length > 2 || !/^\|[^|]*[^|\s]/.test(rows[0])) return text;
  if (rows.length === 2 && !/^\|[\s|:-]*$/.test(rows[1])) return text;
  const before = text.slice(0, text.length - (line ? rows.join("\n").length : rows.join("\n").length + 1));
  return `${before}${rows[0]}\n${rule(rows[0])}\n`;
}

function rowsAbove(text, start) {
  const rows = [];
  for (let end = start - 1; end >= 0 && rows.length < 3; ) {
    const begin = text.lastIndexOf("\n", end - 1) + 1;
    const row = text.slice(begin, end);
    if (!row.startsWith("|")) break;
    rows.unshift(row);
    end = begin - 1;
  }
  return rows;
}

function rule(head) {
  const cells = head.trim().replace(/^\||(?<!\\)\|$/g, "").split(/(?<!\\)\|/);
  return `|${"---|".repeat(cells.length)}`;
}

/** The marks of a code span that has begun and not ended. */
function openTicks(text) {
  const runs = Array.from(text.matchAll(/\\`|`+/g), ([run]) => run).filter((run) => run !== "\\`");
  while (runs.length > 0) {
    const [opener] = runs;
    const closer = runs.indexOf(opener, 1);
    if (closer < 0) return opener;
    runs.splice(0, closer + 1);
  }
  return "";
}

function split(text) {
  const words = text.trimEnd();
  return [words, text.slice(words.length)];
}
