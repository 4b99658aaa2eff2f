"""What people may be called, and when two names look the same. Who is called what, others know.

After Unicode's security mechanisms (UTS 39): letters of one script, nothing unseen, and names are
compared by their *skeletons*, in which all letters that look alike are the same.
"""

import unicodedata
from collections import defaultdict
from functools import cache

import regex
from confusable_homoglyphs.categories import alias
from confusable_homoglyphs.confusables import confusables_data

SHORTEST, LONGEST = 2, 40  # characters, as a reader takes them
MOST_CODE_POINTS = 80  # of which some characters, like emoji, have many
MOST_MARKS = 3  # on one letter; more climb over the lines above

# Who is called so seems to speak for the server, to everybody, or for nobody.
RESERVED = (
    *("admin", "administrator", "moderator", "mod", "staff", "support", "system", "root"),
    *("server", "owner", "operator", "superuser", "webmaster", "postmaster", "security"),
    *("official", "host", "everyone", "everybody", "all", "here", "channel", "room", "you"),
    *("me", "assistant", "bot", "ai", "chatbot", "streamingchat", "null", "none", "nil"),
    *("undefined", "nobody", "anonymous", "deleted", "guest"),
)

# Scripts that are written together (UTS 39, "highly restrictive").
TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
NO_SCRIPT = {"COMMON", "INHERITED", "Unknown"}

_PICTURE = r"\p{Extended_Pictographic}\p{Emoji_Modifier}?\uFE0F?"
_EMOJI = regex.compile(rf"{_PICTURE}(?:\u200D{_PICTURE})*|[0-9#*]\uFE0F?\u20E3")
# The blank of Braille is a sign to Unicode, and nothing to the eye.
_UNSEEN = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\u2800]")
_NO_SIGN = regex.compile(r"[\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]")
_MARKS = regex.compile(rf"\p{{M}}{{{MOST_MARKS + 1},}}")
_BETWEEN = regex.compile(r"[\p{Z}\p{P}\p{C}\p{Default_Ignorable_Code_Point}\s]+")
_DEFAULT = regex.compile(r"guest[\s_-]*\d*", regex.IGNORECASE)


class Unfit(ValueError):
    """Nobody may be called so; says why, to people."""


def tidy(text: str) -> str:
    """Return `text` as it is kept: one form of each letter, and one space where there are some."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def clean(text: str) -> str:
    """Return the name that `text` is. Raises Unfit if nobody may be called so."""
    if len(text) > 10 * MOST_CODE_POINTS:  # before anything is made of it
        raise Unfit(f"At most {LONGEST} characters fit.")
    # Before spaces are collapsed: that takes tabs and line breaks for such.
    if _UNSEEN.search(_EMOJI.sub("", text.strip())):
        raise Unfit("This has characters in it that cannot be seen. Type it by hand.")
    name = tidy(text)
    _check_length(name)
    _check_characters(name)
    _check_scripts(name)
    if not skeleton(name):
        raise Unfit("Use at least one letter or digit.")
    return name


def _check_length(name: str) -> None:
    length = len(regex.findall(r"\X", name))
    if not name:
        raise Unfit("Give a name.")
    if length < SHORTEST:
        raise Unfit(f"Use at least {SHORTEST} characters.")
    if length > LONGEST or len(name) > MOST_CODE_POINTS:
        raise Unfit(f"At most {LONGEST} characters fit.")


def _check_characters(name: str) -> None:
    if _UNSEEN.search(_EMOJI.sub("", name)):
        raise Unfit("This has characters in it that cannot be seen. Type it by hand.")
    if found := _NO_SIGN.search(name):
        raise Unfit(f"U+{ord(found[0]):04X} is no character that a name can have.")
    apart = unicodedata.normalize("NFD", _EMOJI.sub("", name))
    if _MARKS.search(apart) or regex.match(r"\p{M}", apart):
        raise Unfit(f"Put at most {MOST_MARKS} marks on a letter, and none without one.")


def _check_scripts(name: str) -> None:
    scripts = {alias(letter) for letter in name if letter.isalpha()} - NO_SCRIPT
    if len(scripts) > 1 and not any(scripts <= known for known in TOGETHER):
        which = " and ".join(sorted(script.replace("_", " ").title() for script in scripts))
        raise Unfit(f"Use letters of one script; these are {which}.")


def check_reserved(name: str) -> None:
    """Raise Unfit if `name` seems to be somebody who speaks for the server."""
    bare = regex.sub(r"\p{Mn}", "", unicodedata.normalize("NFD", name))
    # A 1 looks like an l, and between letters it is read as an i.
    readings = {key for it in (name, bare, bare.replace("1", "i")) for key in likenesses(it)}
    if readings & _reserved():
        raise Unfit("This name is reserved. Choose another one.")
    if is_default(name):
        raise Unfit("Names like this are for guests who have not chosen one.")


def is_default(name: str) -> bool:
    """Whether it is like the name of a guest who has not chosen one."""
    return _DEFAULT.fullmatch(tidy(name)) is not None


def skeleton(name: str) -> str:
    """Return what `name` has in common with all that look like it, and with no others."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return _bones(_BETWEEN.sub("", folded))


def likenesses(name: str) -> set[str]:
    """Return the skeletons that `name` may be mistaken for.

    Beside its own that of its letters as they stand: a capital I looks like an l, an i does not.
    """
    plain = unicodedata.normalize("NFKC", name)
    as_seen = "".join(_prototypes().get(letter, letter) for letter in plain)
    return {skeleton(name), skeleton(as_seen)}


def _bones(text: str) -> str:
    known = _prototypes()
    apart = unicodedata.normalize("NFD", text)
    seen = "".join(known.get(letter, letter) for letter in apart).casefold()
    again = "".join(known.get(letter, letter) for letter in seen).casefold()
    return _BETWEEN.sub("", unicodedata.normalize("NFD", again))


@cache
def _reserved() -> frozenset[str]:
    return frozenset(map(skeleton, RESERVED))


@cache
def _prototypes() -> dict[str, str]:
    """Return for each character the one that stands for all that look like it.

    The data are pairs, told from both sides; the prototype is what most of them have in common.
    """
    pairs: dict[str, set[str]] = defaultdict(set)
    for one, others in confusables_data.items():
        pairs[_bare(one)] |= {_bare(other["c"]) for other in others}
    return {
        letter: max(alike | {letter}, key=lambda it: (len(pairs[it]), it.isascii(), it == letter))
        for letter, alike in pairs.items()
        if len(letter) == 1
    }


def _bare(text: str) -> str:
    """The data put marks of direction around what is written from the right."""
    return text.replace("\u200e", "")
