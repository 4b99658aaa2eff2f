"""A program that calls the HTTP API."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.client import PATIENCE


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """The status and the code of a refusal, in the one form that refusals have."""
        said = self.json
        assert said.keys() == {"code", "detail"}
        assert said["detail"]
        assert self.headers["Content-Type"].startswith("application/json")
        return self.status, said["code"]


@dataclass
class Program:
    """Calls paths of `url` with an API key, or with none."""

    url: str
    key: str = ""
    base: str = "/api/v1"

    def ask(self, method: str, path: str, given: Any = None, **headers: str) -> Answer:
        """`given` is sent as JSON; bytes are sent as they are."""
        data = given if isinstance(given, bytes | None) else json.dumps(given).encode()
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        sent |= {"Content-Type": "application/json"} if data is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + self.base + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def get(self, path: str) -> Any:
        """Return what is told at `path`."""
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.body
        return answer.json

    def do(self, method: str, path: str, given: Any = None, **headers: str) -> Any:
        """Return what is told of what is done, which must succeed."""
        answer = self.ask(method, path, given, **headers)
        assert answer.status in (200, 201, 202, 204), answer.body
        return answer.json if answer.body else None
