"""Which scripted reply answers: rules over words, as plain data.

The keyword and trigger rules are applied in order of priority, highest first; the first that
matches answers.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import regex

GREETING, MESSAGE, KEYWORD, INTERVAL = "greeting", "message", "keyword", "interval"
ANYONE, NEW, RETURNING = "anyone", "new", "returning"
MARKS = 30  # on one letter that count; https://unicode.org/reports/tr15/#Stream_Safe_Text_Format

# Scripts that put no blanks between words: there each letter counts as a word of its own, so that
# a keyword of several is found wherever they stand side by side.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー"
_WORD = regex.compile(rf"[{_UNSPACED}]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+", regex.V1)


@dataclass(frozen=True)
class Rule:
    """A scripted reply as the rules see it. `id` is the caller's own."""

    id: int
    name: str
    trigger: str
    audience: str = ANYONE
    keywords: tuple[str, ...] = ()
    on: bool = True
    starts: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True)
class Occasion:
    """What happened: who is there, when, and what they wrote (if they wrote)."""

    trigger: str  # GREETING, MESSAGE or INTERVAL
    returning: bool
    now: datetime
    message: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether a rule matches, and why, in words for staff."""

    rule: Rule
    matches: bool
    why: str


def judge(rules: Iterable[Rule], occasion: Occasion) -> list[Verdict]:
    """Return a verdict on each of `rules`, in the order given."""
    written = words(occasion.message)
    return [_verdict(rule, occasion, written) for rule in rules]


def words(text: str) -> tuple[str, ...]:
    """Return the words of `text` in a form in which equal words are equal.

    Case and the way an accent is encoded make no difference (Unicode's NFKC case folding), the
    accents themselves do. Everything that is no letter, mark or digit parts words.
    """
    return tuple(_WORD.findall(_folded(text)))


def _folded(text: str) -> str:
    # To put marks in order takes the square of their number; nobody writes more than a few.
    text = regex.sub(rf"(\p{{M}}{{{MARKS}}})\p{{M}}+", r"\1", text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return regex.sub(r"\p{Cf}", "", folded)  # soft hyphens and the like stand inside words


def _verdict(rule: Rule, occasion: Occasion, written: tuple[str, ...]) -> Verdict:
    if why := _unfit(rule, occasion):
        return Verdict(rule, False, why)
    if rule.trigger != KEYWORD:
        return Verdict(rule, True, "applies")
    for keyword in rule.keywords:
        if _contains(written, words(keyword)):
            return Verdict(rule, True, f"has “{keyword}”")
    return Verdict(rule, False, "has none of its keywords")


def _unfit(rule: Rule, occasion: Occasion) -> str:
    if not rule.on:
        return "is off"
    if rule.starts and occasion.now < rule.starts:
        return "has not begun"
    if rule.ends and occasion.now >= rule.ends:
        return "is over"
    if rule.audience == NEW and occasion.returning:
        return "is for someone new"
    if rule.audience == RETURNING and not occasion.returning:
        return "is for someone who was here before"
    answers = rule.trigger if rule.trigger != KEYWORD else MESSAGE
    return "" if answers == occasion.trigger else f"is for another occasion ({rule.trigger})"


def _contains(written: tuple[str, ...], sought: tuple[str, ...]) -> bool:
    length = len(sought)
    return length > 0 and any(
        written[start : start + length] == sought for start in range(len(written) - length + 1)
    )
