"""The browser's side arrives small and once; and without `collectstatic` it arrives as well."""

import gzip
import json
import re
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest
from django.contrib.staticfiles import finders
from django.test import Client as Browser

from chat.static_files import HashedStorage
from tests.browser import Arrive, in_browser
from tests.client import fetch
from tests.server import ROOT, Server, running

STATIC = ROOT / "static"
HASHED = r"\.[0-9a-f]{12}\.\w+$"
FIRST_LOAD = 60 * 1024  # bytes, compressed: what a page has before any Markdown has to be drawn
WHOLE = 150 * 1024


@pytest.fixture(scope="module")
def collected_server(collected: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), STATIC_ROOT=str(collected)) as server:
        yield server


def names(storage: HashedStorage) -> set[str]:
    return {storage.url(name) for name in ("chat/chat.js", "chat/chat.css", "admin/css/base.css")}


PLAIN = {"/static/chat/chat.js", "/static/chat/chat.css", "/static/admin/css/base.css"}


def linked(page: str) -> list[str]:
    """Return the paths of the style and script that `page` names."""
    return re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"', page)


# --- names -------------------------------------------------------------------------------------


def test_names_are_hashed_where_all_was_collected(collected: Path) -> None:
    found = names(HashedStorage(location=collected))
    assert all(re.search(HASHED, url) for url in found), found


def test_names_are_plain_where_nothing_was_collected(tmp_path: Path) -> None:
    assert names(HashedStorage(location=tmp_path)) == PLAIN
    assert HashedStorage(location=tmp_path).url("no/such.file") == "/static/no/such.file"


@pytest.mark.parametrize(
    "how", ["code that changed", "a new file", "a lost file", "a cut manifest"]
)
def test_names_are_plain_where_what_was_collected_is_old(
    collected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    root = shutil.copytree(collected, tmp_path / "root")
    manifest = root / "staticfiles.json"
    match how:
        case "code that changed" | "a new file":
            source = tmp_path / "source"
            shutil.copytree(STATIC, source)
            changed = source / "chat" / ("text.js" if how == "code that changed" else "new.js")
            with changed.open("a") as file:
                file.write("\n// another line\n")
            monkeypatch.setattr(finders.get_finder(FILES), "locations", [("", source)])
            storage = finders.FileSystemStorage(source)
            monkeypatch.setattr(finders.get_finder(FILES), "storages", {source: storage})
        case "a lost file":
            (root / json.loads(manifest.read_text())["paths"]["chat/text.js"]).unlink()
        case "a cut manifest":
            manifest.write_text(manifest.read_text()[:100])
    assert names(HashedStorage(location=root)) == PLAIN


FILES = "django.contrib.staticfiles.finders.FileSystemFinder"


def test_every_reference_leads_to_a_hashed_file(collected: Path) -> None:
    """Also a later `import(…)`, one over several lines, and `export … from`."""
    paths = json.loads((collected / "staticfiles.json").read_text())["paths"]
    own = {name: hashed for name, hashed in paths.items() if name.startswith(("chat/", "vendor/"))}
    for name, hashed in own.items():
        if name.endswith(".js"):
            text = (collected / hashed).read_text()
            found = re.findall(r"""\b(?:from|import)[\s(]*["'](\.{1,2}/[^"']+)["']""", text)
            assert [path for path in found if not re.search(HASHED, path)] == [], name


# --- on the wire -------------------------------------------------------------------------------


@in_browser
async def test_chat_runs_on_collected_files(arrive: Arrive, collected_server: Server) -> None:
    person = await arrive(collected_server)
    asked: list[str] = []
    person.context.on("request", lambda request: asked.append(request.url))
    alice = await person.open()
    await alice.greeted()
    await alice.write("hello")
    assert await alice.ended(2) == "Hello from server!"
    files = [url for url in asked if re.search("/static/.*(js|css)$", url)]
    assert len(files) == len(set(files)), "each is loaded once"
    assert [url for url in files if not re.search(HASHED, url)] == []


def test_collected_files_are_kept_for_ever_and_compressed(collected_server: Server) -> None:
    _, page = fetch(collected_server.url)
    for path in linked(page):
        request = urllib.request.Request(
            collected_server.url + path, headers={"Accept-Encoding": "gzip, br"}
        )
        with urllib.request.urlopen(request) as answer:
            assert "immutable" in answer.headers["Cache-Control"], path
            assert (
                int(re.findall(r"max-age=(\d+)", answer.headers["Cache-Control"])[0]) > 30_000_000
            )
            small = int(answer.headers["Content-Length"]) < 200  # gains nothing
            assert small or answer.headers["Content-Encoding"] in ("gzip", "br"), path


def test_plain_names_are_served_too_and_not_kept(collected_server: Server) -> None:
    """For pages from before; and for what is named in no manifest."""
    with urllib.request.urlopen(f"{collected_server.url}/static/chat/chat.js") as answer:
        assert "immutable" not in answer.headers["Cache-Control"]
        assert answer.read() == (STATIC / "chat/chat.js").read_bytes()


# --- how much ----------------------------------------------------------------------------------


def compressed(*paths: Path) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


@pytest.mark.django_db
def test_first_load_is_small(client: Browser) -> None:
    first = {STATIC / path.removeprefix("/static/") for path in linked(client.get("/").text)}
    assert STATIC / "chat/chat.js" in first
    later = {
        path
        for folder in ("chat/markdown", "vendor")
        for path in (STATIC / folder).rglob("*.*")
        if path.suffix in (".js", ".mjs", ".css") and path.is_file()
    }
    # Of the languages of code each comes only where it is needed, a few KB at a time.
    later -= {path for path in later if path.parent.name == "languages"}
    assert compressed(*first) <= FIRST_LOAD
    assert compressed(*first | later) <= WHOLE


@pytest.mark.django_db
def test_page_names_all_modules_that_it_will_import(client: Browser) -> None:
    page = client.get("/").text
    preloaded = re.findall(r'"modulepreload" href="/static/([^"]+)"', page)
    needed, found = ["chat/chat.js"], set[str]()
    while needed:
        name = needed.pop()
        found.add(name)
        text = (STATIC / name).read_text()
        imported = re.findall(r'^(?:import|export) [^;(]*?"(\.[^"]+)";', text, re.MULTILINE)
        paths = {normpath(join(dirname(name), path)) for path in imported}
        needed += paths - found
    assert {"chat/chat.js", *preloaded} == found
    assert len(preloaded) == len(found) - 1, "each is named once"
