"""What goes wrong with a provider, as one kind of error: whose fault, for whom, for how long."""

import email.utils
import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite

from chat.assistants.base import ProviderError

LONGEST = 300  # code points of a reason
LONGEST_PAUSE = 86_400.0  # seconds
PART = 6  # characters in a row of a key that already tell too much

# What people read, and whether it comes again however often one tries.
CODES = {
    "wrong_key": ("The assistant is not set up correctly.", True),
    "unknown_model": ("The assistant is not set up correctly.", True),
    "forbidden_address": ("The assistant is not set up correctly.", True),
    "certificate": ("The assistant cannot be reached safely.", True),
    "unreachable": ("The assistant cannot be reached right now.", False),
    "rate_limited": ("The assistant is being asked too much right now.", False),
    "overloaded": ("The assistant is too busy right now.", False),
    "refused": ("The assistant could not take this request.", True),
    "filtered": ("The assistant may not answer this.", True),
    "cut": ("The assistant was cut off.", False),
    "garbled": ("The assistant gave an answer that makes no sense.", True),
    "stream_error": ("Something went wrong on the assistant's side.", False),
}

STATUSES = {
    401: "wrong_key",
    403: "wrong_key",
    404: "unknown_model",
    408: "overloaded",
    409: "overloaded",  # another request is in the way, say both SDKs, and try again
    425: "overloaded",
    429: "rate_limited",
}

# Words that providers put into an error's type or message, tried in this order. They are looked
# for where the status says little: many answer 400 to everything, and a stream has no status.
_TYPES = {
    "rate_limited": r"rate.?limit|too many requests|quota",
    "overloaded": r"overloaded|server.?error|api_error|timeout|unavailable|at capacity",
    "wrong_key": r"authentication|permission|unauthorized|invalid.api.?key",
    "unknown_model": r"model_not_found|not_?found",
    "refused": r"invalid_request|bad_?request|request_too_large|context_length",
}
_MESSAGES = {
    "unknown_model": r"model\b.{0,120}?not (found|exist)|(invalid|unknown|no such) model\b",
    "wrong_key": r"api.?key.{0,40}?(not valid|invalid|incorrect)|(invalid|incorrect) api.?key",
}


def failure(
    code: str,
    reason: str = "",
    *,
    key: str = "",
    permanent: bool | None = None,
    retry_after: float | None = None,
) -> ProviderError:
    """Return the error for `code`, one of CODES, with a `reason` that tells no part of `key`."""
    detail, usual = CODES[code]
    lasting = usual if permanent is None else permanent
    words = clean(reason, key)
    return ProviderError(code, detail, reason=words, permanent=lasting, retry_after=retry_after)


def answered(status: int, headers: Mapping[str, str], body: bytes, key: str) -> ProviderError:
    """Return the error that a response is. Names of `headers` are in small letters."""
    said = body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        said = _words(json.loads(said))
    code = _code_of(status, said)
    reason = _reason(status, headers, said)
    permanent = True if "insufficient_quota" in said else None  # no pause fills an account
    return failure(code, reason, key=key, permanent=permanent, retry_after=_pause(headers))


def broke_off(thing: object, key: str) -> ProviderError:
    """Return the error for an error object in the middle of a stream, as JSON has it."""
    error = thing.get("error") or thing if isinstance(thing, dict) else thing
    said = "It gave no reason."
    with suppress(ValueError, TypeError, RecursionError):
        said = _words(thing)
    kinds = [error.get("type"), error.get("code")] if isinstance(error, dict) else []
    status = next((kind for kind in kinds if isinstance(kind, int) and kind >= 400), None)
    code = _code_of(status, said) if status else _matching(_TYPES, " ".join(map(str, kinds)))
    return failure(code or _matching(_MESSAGES, said) or "stream_error", said, key=key)


def clean(text: str, key: str) -> str:
    """Return `text` on one line of at most LONGEST, without HTML tags or parts of `key`."""
    text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[a-z/!][^<>]*>", " ", text[: 20 * LONGEST])
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = _without(" ".join(text.split()), key)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _without(text: str, key: str) -> str:
    """Return `text` with an ellipsis for all that it has in common with `key`."""
    size = min(PART, len(key))
    parts = {key[at : at + size] for at in range(len(key) - size + 1)} if key else set()
    hidden = {
        place
        for at in range(len(text) - size + 1)
        if text[at : at + size] in parts
        for place in range(at, at + size)
    }
    marked = "".join("\0" if at in hidden else letter for at, letter in enumerate(text))
    return re.sub("\0+", "…", marked)


def _code_of(status: int, said: str) -> str:
    if status < 400:
        return "garbled"  # an API does not send one elsewhere
    if status >= 500:
        return "overloaded"
    return STATUSES.get(status) or _matching(_MESSAGES, said) or "refused"


def _matching(patterns: Mapping[str, str], text: str) -> str:
    found = (code for code, pattern in patterns.items() if re.search(pattern, text, re.I | re.S))
    return next(found, "")


def _reason(status: int, headers: Mapping[str, str], said: str) -> str:
    said = said.strip() or "(it gave no reason)"
    if 300 <= status < 400:
        said = f"it sends one on to {headers.get('location', 'nowhere')}, a wrong base URL? {said}"
    if status == 404:
        said += " Are the model and the base URL right?"
    return f"The server answered {status}: {said}"


def _words(thing: object) -> str:
    """Return the words in a JSON value that say most: a message deep inside, or all of it."""
    if isinstance(thing, list) and len(thing) == 1:
        return _words(thing[0])
    if not isinstance(thing, dict):
        return thing if isinstance(thing, str) else json.dumps(thing)
    for name in ("error", "message", "detail"):
        if thing.get(name):
            kinds = [str(thing[kind]) for kind in ("type", "code") if thing.get(kind)]
            known = f" ({', '.join(kinds)})" if kinds and name == "message" else ""
            return _words(thing[name]) + known
    return json.dumps(thing)


def _pause(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until one may ask again, if the provider says so."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    given = headers.get("retry-after", "")
    seconds = _number(given)
    if seconds is None:
        with suppress(ValueError, TypeError, OverflowError):
            seconds = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
    return None if seconds is None else _bounded(seconds)


def _number(text: str) -> float | None:
    with suppress(ValueError):
        number = float(text)
        return number if isfinite(number) else None
    return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_PAUSE)
