"""The units of deploy/systemd, and the settings beside them, fit the programs that they name."""

import os
import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.server import ROOT, Server

UNITS = sorted((ROOT / "deploy/systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAMS = ("/srv/chat/app/venv/bin/daphne", "/srv/chat/app/venv/bin/python")
WRITTEN_TO = {"chat-migrate.service": "/srv/chat/static"}


class Unit(RawConfigParser):
    """A unit; of what may be said more than once, all of it, one a line."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, delimiters="=", comment_prefixes="#")
        self.optionxform = str  # type: ignore[assignment,method-assign]
        text = re.sub(r"(?m)(^ExecStart=.*)\nExecStart=", r"\1\n ", path.read_text())
        self.read_string(text)


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_service_runs_what_there_is(path: Path) -> None:
    service = Unit(path)["Service"]
    assert service["WorkingDirectory"] == "/srv/chat/app"
    assert service["EnvironmentFile"] == "/etc/chat/environment"
    assert service["User"] == service["Group"] == "chat"
    for line in service["ExecStart"].splitlines():
        program, *arguments = shlex.split(line)
        assert program in PROGRAMS
        if arguments[0] == "manage.py":
            assert arguments[1] in get_commands()
        else:
            assert arguments[-1] == "chatproject.asgi:application"


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_service_can_do_only_what_it_has_to(path: Path) -> None:
    service = Unit(path)["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    switches = (
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "RestrictSUIDSGID",
    )
    assert {service[name] for name in switches} == {"yes"}
    assert service.get("ReadWritePaths") == WRITTEN_TO.get(path.name)


def test_update_restarts_nobody_by_itself() -> None:
    """What a process requires takes the process along when it is restarted."""
    unit = Unit(ROOT / "deploy/systemd/daphne@.service")["Unit"]
    assert "chat-migrate.service" in unit["Wants"].split()
    assert "chat-migrate.service" in unit["After"].split()
    assert not {"Requires", "BindsTo", "PartOf", "Requisite"} & {*unit}


def test_systemd_understands_them(tmp_path: Path) -> None:
    """Where it is; where it is not, nobody can say, and each unit can at least be read."""
    for name in PROGRAMS:
        program = tmp_path / name.strip("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch(mode=0o755)
    names = []
    for unit in UNITS:
        there = tmp_path / unit.name.replace("@.", "@8001.")
        there.write_text(unit.read_text().replace("/srv/chat/app", f"{tmp_path}/srv/chat/app"))
        assert Unit(there).sections(), unit
        names.append(str(there))
    if shutil.which("systemd-analyze"):
        command = ["systemd-analyze", "verify", "--man=no", *names]
        told = subprocess.run(command, capture_output=True, text=True)
        said = [
            line
            for line in told.stderr.splitlines()
            if str(tmp_path.name) in line or "chat" in line
        ]
        assert (told.returncode, said) == (0, [])


def as_a_shell_reads(text: str) -> dict[str, str]:
    command = ["env", "-i", "sh", "-c", f"set -a\n{text}\nenv -0"]
    said = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return dict(line.partition("=")[::2] for line in said.split("\0") if line)


def as_systemd_reads(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def test_example_is_clean(tmp_path: Path) -> None:
    """With all that it proposes, too."""
    text = (ROOT / "deploy/environment.example").read_text()
    text = re.sub(r"(?m)^# (?=[A-Z_]+=.)", "", text)
    settings = as_systemd_reads(text)
    told_by_shell = as_a_shell_reads(text)
    assert {name: told_by_shell[name] for name in settings} == settings
    assert {"EMAIL_URL", "METRICS_TOKEN", "DATABASE_URL"} <= {*settings}
    secret = tmp_path / "secret_key"
    secret.write_bytes(os.urandom(48).hex().encode())
    settings |= {"SECRET_KEY_FILE": str(secret), "STATIC_ROOT": str(tmp_path)}
    server = Server(tmp_path, **settings)
    del server.environment["SECRET_KEY"]
    server.manage("check", "--deploy", "--fail-level", "WARNING")
