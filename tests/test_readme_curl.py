"""Every line for curl in the README does, typed by a stranger, what the README says of it."""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.server import ROOT, Server, running

PATIENCE = 60  # seconds
HERE = "http://127.0.0.1:8000"
HELLO = "Hello from server!"
LINES = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    for line in block.splitlines()
    if line.startswith("curl ")
]


class Stranger:
    """Somebody with a shell, a key, and the README."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        (folder / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
        self.environment = {**os.environ, "CURL_HOME": str(folder), "KEY": server.account("alice")}

    def types(self, line: str) -> str:
        """Return what a line prints, typed as it stands there."""
        command = ["sh", "-c", line.replace(HERE, self.server.url)]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout!r}{done.stderr!r}"
        return done.stdout.decode()

    def posts_what_takes_long(self) -> None:
        """Have a reply that is still being written when its line is typed."""
        self.server.manage(
            *("reply", "slow", "--text", "slowly " * 50, "--speed", "1"),
            *("--trigger", "keyword", "--keywords", "slow"),
        )
        path = f"/api/v1/conversations/{self.environment['CONVERSATION']}/messages"
        body = json.dumps({"text": "slow"}).encode()
        request = urllib.request.Request(
            self.server.url + path, body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            self.environment["REPLY"] = str(json.load(answer)["reply"]["id"])


def events(stream: str) -> list[dict[str, str]]:
    """Return the events of a stream, each with its fields; without comments."""
    found: list[dict[str, str]] = []
    for block in stream.replace("\r\n", "\n").split("\n\n"):
        event: dict[str, str] = {}
        for line in block.splitlines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name:
                event[name] = f"{event[name]}\n{value}" if name in event else value
        if "data" in event:
            found.append(event)
    return found


# --- what the README says of each line ----------------------------------------------------------


def answered(stranger: Stranger, printed: str) -> None:
    answer = json.loads(printed)
    assert answer.keys() == {"response", "conversation_id", "timestamp"}
    assert answer["response"] == HELLO


def in_chunks(stranger: Stranger, printed: str) -> None:
    *chunks, end = [json.loads(event["data"]) for event in events(printed)]
    assert chunks == [{"chunk": each, "delta": each, "done": False} for each in HELLO]
    assert (end["chunk"], end["delta"], end["done"]) == ("", "", True)
    checked_by(end)
    assert all(event.get("id") for event in events(printed))


def in_characters(stranger: Stranger, printed: str) -> None:
    *characters, end = events(printed)
    assert [event["data"] for event in characters] == [*HELLO]
    assert end["event"] == "done"
    checked_by(json.loads(end["data"]))


def checked_by(end: dict[str, Any]) -> None:
    assert end["status"] == "complete"
    assert (end["length"], end["crc32"]) == (len(HELLO), crc32(HELLO.encode()))


def of_bob(stranger: Stranger, printed: str) -> None:
    exchanges = json.loads(printed)["conversations"]
    assert 1 <= len(exchanges) <= 5
    for each in exchanges:
        assert (each["user_message"], each["bot_response"]) == ("Hello", HELLO)
    moments = [each["timestamp"] for each in exchanges]
    assert moments == sorted(moments, reverse=True)


def listed(stranger: Stranger, printed: str) -> None:
    assert json.loads(printed).keys() == {"items", "next"}


def opened(stranger: Stranger, printed: str) -> None:
    made = json.loads(printed)
    assert made["title"] == "Orders"
    stranger.environment["CONVERSATION"] = made["id"]


def posted(stranger: Stranger, printed: str) -> None:
    answer = json.loads(printed)
    assert answer["message"]["text"] == "Hello"
    stranger.environment["REPLY"] = str(answer["reply"]["id"])
    [line] = [line for line in LINES if "Idempotency-Key" in line]
    again = json.loads(stranger.types(line))
    for part in ("message", "reply"):
        assert again[part]["id"] == answer[part]["id"], "the same key posts nothing new"


def in_deltas(stranger: Stranger, printed: str) -> None:
    *deltas, end = [json.loads(event["data"]) for event in events(printed)]
    assert "".join(each["delta"] for each in deltas) == HELLO
    assert not any(each["done"] for each in deltas)
    assert end["done"] is True


def stopped(stranger: Stranger, printed: str) -> None:
    assert json.loads(printed)["status"] == "stopped"


CHECKS: dict[str, Callable[[Stranger, str], None]] = {
    r"/chat -H": answered,
    r"/chat/stream ": in_chunks,
    r"/chat-stream\?": in_characters,
    r"/history/bob": of_bob,
    r"/conversations$": listed,
    r"/conversations -H.*title": opened,
    r"/messages -H": posted,
    r"/replies/\$REPLY/stream": in_deltas,
    r"/replies/\$REPLY/stop": stopped,
}


def check_of(line: str) -> Callable[[Stranger, str], None]:
    found = [check for pattern, check in CHECKS.items() if re.search(pattern, line)]
    assert len(found) == 1, f"say in CHECKS what is true of: {line}"
    return found[0]


@pytest.mark.parametrize("line", LINES)
def test_it_is_known_what_each_line_does(line: str) -> None:
    assert HERE in line, "a stranger has started it there"
    check_of(line)


def test_readme_tells_of_every_way_in() -> None:
    assert {check_of(line) for line in LINES} == {*CHECKS.values()}


def test_each_line_does_what_is_said(tmp_path: Path) -> None:
    assert shutil.which("curl"), "the tests need curl"
    with running(tmp_path, DEBUG="1") as server:
        stranger = Stranger(server, tmp_path)
        for line in LINES:
            check = check_of(line)
            if check is stopped:
                stranger.posts_what_takes_long()
            check(stranger, stranger.types(line))
