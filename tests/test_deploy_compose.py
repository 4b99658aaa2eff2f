"""compose.yaml and the Dockerfile do what they say, as far as that shows without an engine."""

import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.image import Image, QuickImage, built, moved, wait_until_up
from tests.postgres import Postgres, running_postgres
from tests.redis import running_redis
from tests.server import ROOT, free_port

# A whole image is made before the last of these begins.
pytestmark = pytest.mark.timeout(300)

Service = dict[str, Any]
COMPOSE = ROOT / "compose.yaml"
# Where the services find each other, and what they are to each other, nobody has to choose.
CHOSEN_BY_COMPOSE = {"SECRET_KEY", "SECRET_KEY_FILE", "DATABASE_URL", "REDIS_URL"}
NOT_IN_CONTAINERS = {"DEBUG": "shows code to the world", "STATIC_ROOT": "is in the image"}


class Loader(yaml.SafeLoader):
    """Knows the tag of Compose that replaces a list instead of adding to it."""


Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


def read(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), Loader)


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    found: dict[str, Service] = read(COMPOSE)["services"]
    return found


def environment(service: Service, **given: str) -> dict[str, str]:
    """Return what Compose makes of a service's variables, where `given` ones are set."""

    def take(match: re.Match[str]) -> str:
        return given.get(match[1]) or match[2]

    values = service.get("environment", {})
    return {name: re.sub(r"\$\{(\w+):-([^}]*)\}", take, str(it)) for name, it in values.items()}


# --- what is written ---------------------------------------------------------------------------


def test_every_service_can_do_only_what_it_has_to(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))
        assert bool(service.get("cap_add")) == (name == "postgres")
        assert service["restart"] == ("no" if name in ("secrets", "migrate") else "unless-stopped")
    assert [name for name, it in services.items() if "ports" in it] == ["nginx"]


def test_it_starts_in_order(services: dict[str, Service]) -> None:
    for name, service in services.items():
        for before, how in service.get("depends_on", {}).items():
            is_service = services[before]["restart"] != "no"
            wanted = "service_healthy" if is_service else "service_completed_successfully"
            assert how["condition"] == wanted, (name, before)
            has_check = "healthcheck" in services[before] or before == "web"  # the image has one
            assert has_check == is_service, before
    assert {*services["web"]["depends_on"]} == {"migrate", "redis"}


def test_no_secret_is_in_it(services: dict[str, Service]) -> None:
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            is_secret = re.search("KEY|TOKEN|PASSWORD|EMAIL_URL", name)
            assert not is_secret or re.fullmatch(rf"/secrets/\w+|\$\{{{name}:-\}}", value), name
    assert not re.search(r"://[^/@\s]*:[^/@\s]*@", COMPOSE.read_text())


def test_all_that_it_names_is_there(services: dict[str, Service]) -> None:
    tls = read(ROOT / "deploy/compose.tls.yaml")["services"]
    assert {*tls} <= {*services}
    volumes = {*read(COMPOSE)["volumes"]}
    for service in (*services.values(), *tls.values()):
        for volume in service.get("volumes", ()):
            source = re.sub(r"\$\{.*?\}", "", volume).split(":")[0]
            there = (ROOT / source).exists() if source.startswith((".", "/")) else True
            assert there, volume
            assert source.startswith(".") or source in {*volumes, ""}, volume
    listen = environment(tls["nginx"])["CHAT_LISTEN"]
    assert any(f":{listen}:" in volume for volume in tls["nginx"]["volumes"])


def test_every_setting_is_passed_on(services: dict[str, Service]) -> None:
    readme = (ROOT / "README.md").read_text()
    table = readme.partition("## Settings")[2].partition("## Deploy")[0]
    names = "".join(re.findall(r"(?m)^\| (`.*?) \|", table))
    documented = {*re.findall(r"`([A-Z][A-Z_]+)`", names)}
    passed = services["web"]["environment"]
    assert documented - {*passed} - CHOSEN_BY_COMPOSE == {*NOT_IN_CONTAINERS}
    for name in documented & {*passed} - CHOSEN_BY_COMPOSE:
        assert environment(services["web"], **{name: "given"})[name] == "given"
    assert services["migrate"]["environment"] == passed


# --- what comes of it --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image(collected: Path) -> Iterator[Image]:
    with built(lambda: QuickImage(collected)) as it:
        yield it


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """One that wants a password of whoever comes by the network, as that of the image does."""
    with running_postgres() as it:
        it.say("DROP DATABASE IF EXISTS chat_new")
        with it.connect("postgres") as connection:
            connection.execute("CREATE DATABASE chat_new")
        rules = it.data / "pg_hba.conf"
        strict = "host chat_new all 127.0.0.1/32 scram-sha-256\n"
        rules.write_text(strict + rules.read_text())
        it.say("SELECT pg_reload_conf()")
        yield it


def test_it_comes_up_and_goes_down(
    image: Image, services: dict[str, Service], postgres: Postgres, tmp_path: Path
) -> None:
    """What `docker compose up` runs of our image, in its order: as its user, with its variables."""
    log = tmp_path / "log"
    files = ("app", "app/manage.py", "app/chat")
    writable = [path for path in files if (image.root / path).stat().st_mode & 0o222]
    assert (writable, image.user) == ([], "10001")

    secrets = services["secrets"]
    for _ in range(2):  # the second time they are there already
        image.run([*secrets["entrypoint"], *secrets["command"]], {}, log)
        folder = image.root / "secrets"
        made = {path.name: path.read_text() for path in folder.iterdir()}
    assert {*made} == {"secret_key", "postgres_password", "pgpass"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert len(made["secret_key"]) > 50
    postgres.say(f"ALTER ROLE chat PASSWORD '{made['postgres_password']}'")

    # What is elsewhere here.
    passes = f"127.0.0.1:{postgres.port}:chat_new:chat:{made['postgres_password']}"
    assert made["pgpass"] == f"postgres:5432:chat:chat:{made['postgres_password']}\n"
    (folder / "pgpass").write_text(passes)
    variables = environment(services["web"], METRICS_TOKEN="a token")
    there = f"@127.0.0.1:{postgres.port}/chat_new"
    database = image.within(variables["DATABASE_URL"].replace("@postgres/chat", there))
    with running_redis(tmp_path) as redis:
        variables |= {"DATABASE_URL": database, "REDIS_URL": redis.url}
        image.run(services["migrate"]["command"], variables, log)
        assert (image.root / "static/staticfiles.json").exists()

        port = free_port()
        web = image.start(moved(image.command, port), variables, log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_up(web, f"{url}/readyz", log)
            image.run(moved(image.health, port), {}, log)
            with urllib.request.urlopen(url) as page:
                assert re.search(r"/static/chat/chat\.[0-9a-f]{12}\.js", page.read().decode())
            if os.getuid() == 0:
                status = Path(f"/proc/{web.pid}/status").read_text()
                assert re.search(r"(?m)^Uid:\s10001\s10001\s10001\s10001$", status)
        finally:
            web.send_signal(signal.SIGTERM)
            assert web.wait(timeout=10) == 0, log.read_text()
    said = log.read_text()
    assert "Traceback" not in said
    assert "is not of this code" not in said
