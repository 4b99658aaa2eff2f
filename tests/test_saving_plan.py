"""To save replies PostgreSQL goes through them once, even if it knows nothing of them yet."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import dj_database_url
import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from chat.models import STREAMING, Conversation, Message, User
from chat.process import PROCESS
from chat.reply import journal
from tests.postgres import running_postgres

ALIAS = "postgres"
REPLIES, SAVES = 400, 30


@pytest.fixture
def postgres(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[BaseDatabaseWrapper]:
    """A PostgreSQL into which replies are saved; it has no statistics, as after a start."""
    with running_postgres() as it:
        places = {"default": {}, ALIAS: dj_database_url.parse(it.url)}
        with closing(ConnectionHandler(places)[ALIAS]) as connection:
            connections[ALIAS] = connection
            monkeypatch.setattr(journal, "connection", connection)
            yield connection
            del connections[ALIAS]


def typed(conversation: Conversation, count: int, lease: str) -> list[Message]:
    return Message.objects.using(ALIAS).bulk_create(
        Message(conversation=conversation, status=STREAMING, text="So far. " * 200, lease=lease)
        for _ in range(count)
    )


def steps_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for step in plan.get("Plans", []):
        yield from steps_of(step)


def rows_of(step: dict[str, Any]) -> float:
    """Return how many rows a step has looked at, those included that it did not want."""
    unwanted = ("Rows Removed by Filter", "Rows Removed by Join Filter")
    return step["Actual Loops"] * (step["Actual Rows"] + sum(step.get(it, 0) for it in unwanted))


def test_each_reply_is_looked_for_once(postgres: BaseDatabaseWrapper) -> None:
    alice = User.objects.using(ALIAS).create(username="alice")
    conversation = alice.conversations.create()
    typed(conversation, REPLIES, "another process")
    rows = [journal._row(reply) for reply in typed(conversation, REPLIES, PROCESS)]
    plans = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        with postgres.connection.cursor() as cursor:
            plans.extend(cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params).fetchone())
        return execute(sql, params, many, context)

    for _ in range(SAVES):  # which leaves their former selves behind
        assert journal._write(rows) == set()
    with postgres.execute_wrapper(explain):
        assert journal._write(rows) == set()
    [steps] = [list(steps_of(each["Plan"])) for plan in plans for each in plan]
    assert max(map(rows_of, steps)) <= 2 * REPLIES
