"""The wire vocabulary of the WebSocket: frames in, validated; frames out, encoded."""

import json
import math
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NoReturn
from uuid import UUID
from zlib import crc32

from chat.models import Message

VERSION = 1
WINDOW = 2048  # code points the server may run ahead of a viewer's last ack
ACK_PATIENCE = 30.0  # seconds a full window may stay without an ack
BAD_FRAMES_IN_A_ROW = 20
LARGEST_FRAME = 64 * 1024  # bytes a client may send in one frame
LARGEST_BODY = 5 * 1024 * 1024  # bytes of an HTTP request: a file of conversations to take in
LARGEST_SNAPSHOT = 384 * 1024  # bytes of texts in one frame, before quoting; Daphne takes 1 MiB
PAGE_PAID = 20_000  # code points that a page of messages counts as, whatever its size is
LONGEST_MESSAGE = 32_000  # code points of a person's message
LONGEST_KEY = 64
LONGEST_END_USER = 200  # code points of a program's name for somebody
UNSEEN = ("Zs", "Zl", "Zp", "Cc", "Cf")  # Unicode's categories of what leaves no mark

BAD_FRAMES = 4400
NOT_SIGNED_IN = 4401
FORBIDDEN = 4403
NOT_FOUND = 4404
TOO_SLOW = 4408
TOO_MANY = 4429
TOO_BIG = 1009
ABUSE = (BAD_FRAMES, TOO_MANY, TOO_BIG)
RESTART = 1012


class Refused(Exception):
    """A request that was refused; becomes an `error` frame.

    `code` is for programs, `detail` for people, `more` are further fields of the frame.
    """

    def __init__(self, code: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.more = more


def bad_request(detail: str, **more: Any) -> Refused:
    return Refused("bad_request", detail, **more)


# --- frames in ---------------------------------------------------------------------------------


def clean_text(value: Any) -> str:
    """Clean text: no lone surrogates, no control characters but tab and line breaks."""
    if not isinstance(value, str):
        raise bad_request("must be a string")
    for character in value:
        if unicodedata.category(character) in ("Cs", "Cc") and character not in "\t\n\r":
            raise bad_request(f"must not contain U+{ord(character):04X}")
    return value


def message_text(value: Any) -> str:
    if isinstance(value, str) and len(value) > LONGEST_MESSAGE:
        raise bad_request(f"must have at most {LONGEST_MESSAGE:,} characters")
    return _not_blank(value)


def end_user(value: Any) -> str:
    """A program's own name for somebody."""
    if isinstance(value, str) and len(value) > LONGEST_END_USER:
        raise bad_request(f"must have at most {LONGEST_END_USER} characters")
    if isinstance(value, str) and {"\n", "\r"} & {*value}:  # it stands in addresses, too
        raise bad_request("must not contain a line break")
    return _not_blank(value)


def _not_blank(value: Any) -> str:
    text = clean_text(value)
    if all(unicodedata.category(character) in UNSEEN for character in text):
        raise bad_request("must not be empty or blank")
    return text


def _key(value: Any) -> str:
    key = clean_text(value)
    if not 1 <= len(key) <= LONGEST_KEY:
        raise bad_request(f"must have 1 to {LONGEST_KEY} characters")
    return key


def _id(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise bad_request("must be the id of a message")
    return value


def _offset(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise bad_request("must be a whole number of code points")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise bad_request("must be a number from 1 on")
    return value


def _pace(value: Any) -> str:
    if value not in ("faster", "at_once"):  # also of what is no text
        raise bad_request("must be faster or at_once")
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise bad_request("must be true or false")
    return value


def _conversation(value: Any) -> UUID:
    with suppress(ValueError):
        return UUID(clean_text(value))
    raise bad_request("must be the id of a conversation")


def _stamp(value: Any) -> float | str:
    if isinstance(value, str) and len(value) <= LONGEST_KEY:
        return clean_text(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise bad_request("must be a number or a short string")


Field = Callable[[Any], Any]

# type -> (required fields, optional fields)
FRAMES_IN: dict[str, tuple[dict[str, Field], dict[str, Field]]] = {
    "message.send": (
        {"text": message_text, "key": _key},
        {"assistant": _key, "pace": _pace},
    ),
    "reply.stop": ({"reply": _id}, {"at": _offset}),
    "reply.retry": ({"reply": _id}, {"assistant": _key}),
    "reply.regenerate": ({"reply": _id}, {"assistant": _key}),
    "reply.continue": ({"reply": _id}, {"assistant": _key}),
    "reply.thoughts": ({"reply": _id}, {}),
    "message.edit": ({"message": _id, "text": message_text}, {}),
    "message.remove": ({"message": _id}, {}),
    "message.version": ({"message": _id, "version": _number}, {}),
    "ack": ({"reply": _id, "at": _offset}, {}),
    "sync": ({"reply": _id, "at": _offset}, {}),
    "earlier": ({"before": _id}, {}),
    "conversations": ({}, {"archived": _flag, "after": _conversation}),
    "typing": ({}, {}),
    "ping": ({}, {"t": _stamp}),
}


def decode(data: str) -> dict[str, Any]:
    """Return the frame in `data` with exactly the fields its type knows.

    Raises Refused (`bad_request`) with what was expected; a `key` or `reply` that is usable
    comes along, so that the sender knows which of its frames it was.
    """
    frame = _parse(data)
    kind = frame.get("type")
    if not isinstance(kind, str) or kind not in FRAMES_IN:
        raise bad_request("type: must be one of " + ", ".join(FRAMES_IN))
    required, optional = FRAMES_IN[kind]
    checked: dict[str, Any] = {"type": kind}
    for name, field in (required | optional).items():
        value = frame.get(name)
        if value is None and name in optional:
            continue
        try:
            checked[name] = field(value)
        except Refused as refused:
            detail = f"{name}: is missing" if name not in frame else f"{name}: {refused.detail}"
            raise bad_request(detail, **whose(frame)) from None
    return checked


def _parse(data: str) -> dict[str, Any]:
    try:
        frame = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise bad_request("a frame must be one JSON object") from None
    if not isinstance(frame, dict):
        raise bad_request("a frame must be one JSON object")
    return frame


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def whose(frame: dict[str, Any]) -> dict[str, Any]:
    """Return the usable fields of `frame` that tell its sender which of its frames it was."""
    found = {}
    for name, field in (("key", _key), ("reply", _id), ("message", _id)):
        with suppress(Refused):
            found[name] = field(frame.get(name))
    return found


# --- frames out --------------------------------------------------------------------------------

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def frame(type: str, **fields: Any) -> str:
    return _encode({"type": type, **fields})


def chars(reply: int, at: int, characters: Iterable[str]) -> list[str]:
    """Return one `char` frame for each of `characters`, the first of which starts at `at`."""
    frames = []
    for character in characters:
        frames.append(f'{{"type":"char","reply":{reply},"at":{at},"char":{_encode(character)}}}')
        at += len(character)
    return frames


def end(message: Message) -> str:
    """Return the frame that says how the reply `message` ended."""
    return frame(
        "reply.end",
        reply=message.pk,
        status=message.status,
        length=len(message.text),
        crc32=crc32(message.text.encode()),
        error=message.error,
        version=message.version,
        versions=message.versions,
        **({"thought": message.thought} if message.thought else {}),
    )


def error(refused: Refused) -> str:
    return frame("error", code=refused.code, detail=refused.detail, **refused.more)
