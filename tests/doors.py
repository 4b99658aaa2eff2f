"""What a page asks for beside its socket, as a browser with a session would ask."""

import json
import urllib.error
import urllib.request
from functools import cache
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from tests.client import PATIENCE

PASSWORD = "correct horse battery staple"  # of everybody who has an account


class _Stay(urllib.request.HTTPRedirectHandler):
    """Where an answer leads to is told, and not gone to."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def ask(
    url: str, cookie: str, path: str, fields: Any = None, *, method: str = "POST"
) -> tuple[int, Any]:
    """Return the status of the answer, and its JSON, or where it leads to, or its text."""
    token = _token(url, cookie)
    headers = {"Cookie": f"{cookie}; csrftoken={token}", "X-CSRFToken": token}
    data = None if fields is None else json.dumps(fields).encode()
    return _answer(urllib.request.Request(url + path, data, headers, method=method))


def fill_in(url: str, cookie: str, path: str, **fields: Any) -> tuple[int, Any]:
    """Send a form; return the status of the answer, and where it leads to, or its text."""
    token = _token(url, cookie)
    headers = {"Cookie": f"{cookie}; csrftoken={token}", "X-CSRFToken": token, "Referer": url}
    return _answer(urllib.request.Request(url + path, urlencode(fields).encode(), headers))


def logged_in(url: str, username: str, password: str = PASSWORD) -> str:
    """Log in; return the session cookie."""
    token = _token(url, "")
    headers = {"Cookie": f"csrftoken={token}", "X-CSRFToken": token, "Referer": url}
    fields = urlencode({"username": username, "password": password}).encode()
    request = urllib.request.Request(f"{url}/accounts/login/", fields, headers)
    try:
        _opener.open(request, timeout=PATIENCE).close()
    except urllib.error.HTTPError as answer:
        with answer:
            cookies: SimpleCookie = SimpleCookie()
            for line in answer.headers.get_all("Set-Cookie"):
                cookies.load(line)
            return f"sessionid={cookies['sessionid'].value}"
    raise AssertionError("nobody was let in")


def _answer(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with _opener.open(request, timeout=PATIENCE) as answer:
            return answer.status, _content(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _content(error)


def _content(answer: Any) -> Any:
    if answer.headers.get("Location"):
        return answer.headers["Location"]
    text = answer.read().decode()
    return json.loads(text) if "json" in answer.headers["Content-Type"] else text


@cache
def _token(url: str, cookie: str) -> str:
    request = urllib.request.Request(f"{url}/accounts/login/", headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=PATIENCE) as page:
        cookies: SimpleCookie = SimpleCookie()
        for line in page.headers.get_all("Set-Cookie"):
            cookies.load(line)
    return cookies["csrftoken"].value
