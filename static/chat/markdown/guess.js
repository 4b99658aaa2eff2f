// What half-written Markdown is most likely to become. Pure: text goes in, and text comes out that
// shows it, so that marks do not flicker while they are being typed.

/** What an address is that is not there yet. */
export const PENDING = "pending:";

/** So far back one has to look to see what is half written; hostile text is not looked through for each character. */
const REACH = 2000;
const SHORT = 100;

/** An underline, a rule, a bullet, or a fence: what it is, only more of it can tell. */
const UNDECIDED = /^[\s>]*(?:[-=]+|[*_]{2,}|(?:[-*_] +){2,}[-*_]?|`+|~+)\s*$/;
/** A definition, which is not seen, if there is nothing above it that it could belong to. */
const DEFINITION = /(?:^|\n[ \t]*\n| {0,3}\[[^\]\n]+\]:[^\n]*\n) {0,3}\[[^\]\n]+\]:[^\n]*$/;
const MARKS = /(?:!?\[|[\\*_~`])+$/;
const TASK = /^\[(?:[ xX]?|[ xX]\])$/;
const ADDRESS = /<((?:https?:\/\/|mailto:)[^\s<>]*)$/;
/** Of a link: its words, and possibly the beginning of where it leads. */
const LINK = /!?\[([^[\]\n]{1,200})(?:\](?:\((?:[^()\n]|\([^()\n]*\)?)*|\[[^[\]\n]*)?)?$/;

/** What may be a mark, or a part of one, or of an address: whatever else it needs has one of these. */
const TELLING = /[^ -~\p{L}\p{M}\p{N}\p{P}\p{S}]|[#&)*/<>@[\\\]_`|~]|[.:](?! |$)/u;
/** What may begin a definition, or the title of one. */
const DEFINING = /^["']|\]:/;

/** Of the blocks of a text that goes on: its last line, where that says too little or too much. */
export function guessBlocks(text) {
  const start = text.lastIndexOf("\n") + 1;
  const line = text.slice(start);
  if (isUndecided(line) || isDefinition(text, line)) return text.slice(0, start);
  return isRow(line, text, start) ? asTable(text, start, line) : text;
}

/**
 * Of a paragraph's or cell's text that goes on: with its open marks closed. `unclosed(text)` returns the
 * marks of emphasis that are open at its end, the last first.
 */
export function guessInline(text, unclosed) {
  if (!/[[*_~`<\\]/.test(text)) return text; // as most is, and this is asked for each character
  if (TASK.test(text)) return "";
  let [words, space] = split(atEnd(text, (end) => end.replace(MARKS, "").replace(ADDRESS, "$1")));
  const ticks = openTicks(words);
  const close = (_, label) => `[${guessInline(label, unclosed)}](${PENDING})`;
  words = ticks ? words + ticks : atEnd(words, (end) => end.replace(LINK, close));
  return words + (/[*_~]/.test(words) ? unclosed(words) : "") + space;
}

/** Whether words that are added to `line` leave it what it is, and what is open in the `content` that ends in it. */
export function isSettled(content, line) {
  return /\p{L}/u.test(line) && isInert(lastWord(line)) && !DEFINING.test(content) && !LINK.test(content.slice(-REACH));
}

/** Whether `words` mean nothing but themselves, behind others that do not either. */
export function isInert(words) {
  return !TELLING.test(words);
}

/** With the spaces behind it. */
export function lastWord(line) {
  return line.slice(line.lastIndexOf(" ", line.trimEnd().length - 1) + 1);
}

export function lastLine(text) {
  return text.slice(text.lastIndexOf("\n") + 1);
}

function isUndecided(line) {
  return line.length < SHORT && UNDECIDED.test(line);
}

function isRow(line, text, start) {
  return line.startsWith("|") || (line === "" && text.startsWith("|", text.lastIndexOf("\n", start - 2) + 1));
}

function isDefinition(text, line) {
  return /^ {0,3}\[/.test(line) && DEFINITION.test(text.slice(-REACH));
}

/** The head of a table is one before the line below says so. */
function asTable(text, start, line) {
  const rows = rowsAbove(text, start);
  if (line) rows.push(line);
  if (rows.length > 2 || !/^\|[^|]*[^|\s]/.test(rows[0])) return text;
  if (rows.length === 2 && !/^\|[\s|:-]*$/.test(line)) return text;
  const before = text.slice(0, start + line.length - rows.join("\n").length - (line ? 0 : 1));
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

/** The marks of a code span that has begun and not ended. Within one, a backslash escapes nothing. */
function openTicks(text) {
  let opener = "";
  for (const [, escape, run] of text.matchAll(/(\\?)(`+)/g)) {
    if (!opener) opener = escape ? run.slice(1) : run;
    else if (run === opener) opener = "";
  }
  return opener;
}

/** The text with its last part changed. */
function atEnd(text, change) {
  return text.slice(0, -REACH) + change(text.slice(-REACH));
}

function split(text) {
  const words = text.trimEnd();
  return [words, text.slice(words.length)];
}
