// Text as the server sees it. It counts in code points, while JavaScript counts UTF-16 units.

/** Whether nothing of it leaves a mark: nobody can have meant to say it. */
export function isBlank(text) {
  return /^[\p{Zs}\p{Zl}\p{Zp}\p{Cc}\p{Cf}]*$/u.test(text);
}

export function codePoints(text) {
  let count = text.length;
  for (let i = 1; i < text.length; i++) if (isPair(text, i)) count--;
  return count;
}

/** The index in UTF-16 units behind the first `count` code points. */
export function unitsOf(text, count) {
  let units = 0;
  while (count-- > 0 && units < text.length) units += isPair(text, units + 1) ? 2 : 1;
  return units;
}

const segmenter = globalThis.Intl?.Segmenter && new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** What a reader calls characters: a family emoji is one. */
export function characters(text) {
  if (text.length < 2) return text ? [text] : [];
  return segmenter ? Array.from(segmenter.segment(text), ({ segment }) => segment) : Array.from(text);
}

/** Of the UTF-8 text, unsigned. */
export function crc32(text) {
  let crc = ~0;
  for (const byte of new TextEncoder().encode(text)) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

const TABLE = Int32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function isPair(text, i) {
  return (text.charCodeAt(i) & 0xfc00) === 0xdc00 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800;
}
