"""What all tests share: the real server, people, and the browsers they sit at."""

import fcntl
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from servestatic.middleware import ServeStaticMiddleware

import tests.passwords  # noqa: F401 - makes them cheap
from tests.browser import WHOLE, arrive, browser, launch  # noqa: F401 - fixtures
from tests.client import Client, session
from tests.events import Program
from tests.measured import TOKEN
from tests.providers import Answer
from tests.server import Server, running

# The files that take long, the longest first: whoever gets such a one last keeps everybody waiting.
# Those that need the processors for a while stand between those that mostly wait. Tests with real
# transactions, which empty the database, come last, as pytest-django has it: none of them is here.
LONG = (
    *("test_soak", "test_redis_outage", "test_page_control", "test_page_edit", "test_page_rooms"),
    *("test_several_processes", "test_page_scrolling", "test_page_conversations", "test_sse"),
    *("test_frozen_writer", "test_page_connection", "test_revisions", "test_model_replies"),
    *("test_hostile_clients", "test_database_outage", "test_sse_slow_reader", "test_rooms"),
    *("test_page_offline", "test_slow_reader", "test_page_axe", "test_model_control"),
    *("test_markdown_hostile", "test_page_accessibility", "test_rolling_restart"),
    *("test_page_composer", "test_page_reload", "test_killed_writer", "test_page_stop"),
    *("test_who_may_do_what", "test_api_schema", "test_page_hostile_text", "test_stop"),
    *("test_page_try_it", "test_removed_people", "test_reconnecting", "test_page_queue"),
    *("test_settings", "test_deploy_nginx", "test_unavailable", "test_queue", "test_adapters"),
    *("test_reply_is_typed_live", "test_sync_and_earlier", "test_metrics_move", "test_pages"),
    *("test_rate_limit", "test_page_reader", "test_shutdown", "test_deploy_compose"),
    *("test_page_docs", "test_page_first_visit", "test_assistants_admin", "test_guests"),
)


# How fast an example is made and runs, says how busy the machine is.
settings.register_profile("whenever", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whenever")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{WHOLE}: needs more of a browser than its engine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with them."""
    order = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="session", autouse=True)
def _find_static_files_once() -> Iterator[None]:
    """Each client of Django's makes all middleware anew, and this one then looks at every file.

    That takes longer than most of what the client is there for. No test changes the files of this
    process; what is said of them by settings is told apart.
    """
    look = ServeStaticMiddleware.add_files_from_finders
    known: dict[object, ServeStaticMiddleware] = {}

    def look_once(new: ServeStaticMiddleware) -> None:
        root = new.static_root if new.use_static_root else None
        told = (new.static_prefix, root, new.autorefresh, new.max_age)
        if told not in known:
            look(new)
            known[told] = new
        new.files = {**known[told].files}
        new.directories = [*known[told].directories]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServeStaticMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not break it; nobody is limited there."""
    folder = tmp_path_factory.mktemp("server")
    without_limits = {
        "GUEST_MESSAGES_PER_MINUTE": "10000",
        "GUEST_REPLIES_AT_A_TIME": "1000",
        "API_REQUESTS_PER_MINUTE": "0",
        "METRICS_TOKEN": TOKEN,
    }
    with running(folder, **without_limits) as it:
        yield it


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server for one test alone, which may kill it."""
    with running(tmp_path) as it:
        yield it


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `collectstatic` has filled: once for all workers, as it takes long."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / "collected"
    with (shared / "collected.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            Server(own, STATIC_ROOT=str(folder)).manage("collectstatic", "--noinput")
    return folder


def pytest_make_parametrize_id(val: object) -> str | None:
    """Call a provider's answer by its kind: what it is made of is long, and differs each time."""
    return type(val).__name__ if isinstance(val, Answer) else None


Visit = Callable[..., Client]
_newest = itertools.count(1)


@pytest.fixture
def visit(server: Server) -> Visit:
    """Make a connection as a browser's page would, with the session of a new visitor."""

    def connect(path: str = "/ws/chat/", cookie: str | None = None, **headers: Any) -> Client:
        cookie = session(server.url) if cookie is None else cookie
        return Client(server.url, path, origin=server.url, cookie=cookie, **headers)

    return connect


@pytest_asyncio.fixture
async def program(server: Server) -> AsyncIterator[Callable[..., Program]]:
    """Start a program that calls over HTTP, with a key or other headers."""
    async with AsyncExitStack() as programs:

        def start(key: str = "", **headers: str) -> Program:
            made = Program(server.url, key, **headers)
            programs.push_async_exit(made)
            return made

        yield start


@pytest.fixture
def scripted(server: Server) -> Callable[..., str]:
    """Make the scripted reply for a keyword; return the keyword.

    It comes before those of earlier tests, some of whose keywords may be words of this one.
    """

    def make(keyword: str, text: str, *options: str) -> str:
        rule = ("--trigger", "keyword", "--keywords", keyword, "--priority", str(next(_newest)))
        server.manage("reply", keyword, "--text", text, *rule, *options)
        return keyword

    return make
