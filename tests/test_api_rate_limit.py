"""How many requests an account may make in a minute is told in every answer, and kept."""

from pathlib import Path

from tests.api import Answer, Program
from tests.server import running

NAMES = ("Limit", "Remaining", "Reset")


def told(answer: Answer) -> tuple[int, ...]:
    return tuple(int(answer.headers[f"RateLimit-{name}"]) for name in NAMES)


def test_limit_is_told_and_kept(tmp_path: Path) -> None:
    with running(tmp_path, API_REQUESTS_PER_MINUTE="3") as server:
        key, other = server.account("alice"), server.manage("apikey", "alice", "--name", "other")
        alice, bob = Program(server.url, key), Program(server.url, server.account("bob"))
        answers: list[Answer] = []
        while not answers or answers[-1].status != 429:  # a minute may end in between
            answers.append(alice.ask("GET", ("/assistants", "/messages/1")[len(answers) % 2]))
            limit, _, seconds = told(answers[-1])
            assert limit == 3
            assert 0 < seconds <= 60
            assert len(answers) < 10
        assert [told(answer)[1] for answer in answers[-4:]] == [2, 1, 0, 0]
        refused = answers[-1]
        assert refused.problem == (429, "rate_limited")
        assert 0 < int(refused.headers["Retry-After"]) <= 61
        assert told(Program(server.url, other).ask("GET", "/assistants"))[0] == 3
        assert bob.ask("GET", "/assistants").status == 200
        nobody = Program(server.url).ask("GET", "/assistants")
        assert nobody.problem == (401, "not_signed_in")


def test_without_a_limit_nothing_is_told(tmp_path: Path) -> None:
    with running(tmp_path, API_REQUESTS_PER_MINUTE="0") as server:
        alice = Program(server.url, server.account("alice"))
        assert not any(name.startswith("Ratelimit") for name in alice.ask("GET", "/rooms").headers)
