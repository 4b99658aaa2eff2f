"""The image, built without a container engine: each step of the Dockerfile is done in a folder.

`python -m tests.image` takes the packages from where pip takes them, starts what comes out, and
says how long each step took. Tests take them from their own environment, which is much faster.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from packaging.requirements import Requirement

from tests.server import ROOT, START_PATIENCE, free_port

# What a step names that is in the image alone; all else is of the machine, as it is of the base.
OWN = r"(?<![\w.:/])/(?!(?:usr|bin|tmp|dev)\b)(?=\w)"
Environment = dict[str, str]
Process = subprocess.Popen[bytes]


class Image:
    """What the Dockerfile makes, in a folder that stands for the root of the image's file system.

    Its user is one without a name and without rights, if that can be: whoever is not root stays
    who they are, and only the rights of the files are less.
    """

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="image-"))
        self.folder.chmod(0o755)  # its user has to come in
        self.root = self.folder / "root"
        self.stages: dict[str, Path] = {}
        self.took: list[tuple[float, str]] = []
        self.environment: Environment = {}
        self.place = self.root
        self.user = ""
        self.command: list[str] = []
        self.health: list[str] = []
        self._stage = ""
        self._make_tools()

    def build(self) -> None:
        for name, rest in instructions((ROOT / "Dockerfile").read_text()):
            began = time.monotonic()
            getattr(self, f"_{name.lower()}")(rest)
            self.took.append((time.monotonic() - began, f"{name} {rest}"))
        # Nobody writes there: the file system of the container is read-only.
        subprocess.run(["chmod", "-R", "a-w", str(self.root / "app")], check=True)

    def within(self, text: str) -> str:
        """Return `text` with the image's paths in it led to where they are here."""
        return re.sub(OWN, f"{self.root}/", text)

    def start(
        self, words: list[str], environment: Environment, log: Path
    ) -> subprocess.Popen[bytes]:
        """Start a command in the image as its user; all that it says goes to `log`."""
        variables = {**self.environment, **environment}
        with log.open("ab") as output:
            return subprocess.Popen(
                self._as_its_user() + [self.within(word) for word in words],
                cwd=self.place,
                env={name: self.within(value) for name, value in variables.items()},
                stdout=output,
                stderr=output,
            )

    def run(self, words: list[str], environment: Environment, log: Path) -> None:
        """Run a command to its end, which has to be a good one."""
        assert self.start(words, environment, log).wait(timeout=100) == 0, log.read_text()

    def remove(self) -> None:
        subprocess.run(["chmod", "-R", "u+w", str(self.root / "app")], check=True)
        shutil.rmtree(self.folder)

    def _as_its_user(self) -> list[str]:
        """Return what begins a command that root gives, so that it is run as the image's user."""
        if os.getuid() != 0:
            return []
        who = ("--reuid", self.user, "--regid", self.user, "--clear-groups")
        # Nothing more than to come in, where the Python of this machine is its owner's alone.
        may = "" if is_open(base_python()) else ",+dac_read_search"
        return ["setpriv", *who, *(f"--{which}-caps=-all{may}" for which in ("inh", "ambient"))]

    # --- the instructions -----------------------------------------------------------------------

    def _from(self, rest: str) -> None:
        """Begin a stage, at the same place: what is installed knows where it is."""
        if self._stage:
            self.stages[self._stage] = self.root.rename(self.folder / self._stage)
        self._stage = rest.partition(" AS ")[2] or "last"
        self.root.mkdir()
        self.place, self.user = self.root, "0"
        self.environment = {"PATH": f"{self.folder}/tools:{os.environ['PATH']}"}

    def _env(self, rest: str) -> None:
        for word in shlex.split(rest):
            name, _, value = word.partition("=")
            self.environment[name] = value.replace("$PATH", self.environment["PATH"])

    def _run(self, rest: str) -> None:
        environment = {name: self.within(value) for name, value in self.environment.items()}
        # What else is said here is about this machine: where pip finds packages, and the like.
        environment = {**without_python(os.environ), **environment}
        step = self._prepared(self.within(rest))
        subprocess.run(["sh", "-ec", step], cwd=self.place, env=environment, check=True)

    def _prepared(self, step: str) -> str:
        return step

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        origin = ROOT
        if sources[0].startswith("--from="):
            origin = self.stages[sources.pop(0).removeprefix("--from=")]
        else:
            assert {*sources} <= let_through(), ".dockerignore leaves it out"
        for source in sources:
            if origin != ROOT:  # a stage that nothing else is asked of
                (origin / source.strip("/")).rename(self._target(target))
                continue
            put(origin / source.strip("/"), self._target(target), source)

    def _target(self, target: str) -> Path:
        return self.root / target[1:] if target.startswith("/") else self.place / target

    def _workdir(self, rest: str) -> None:
        self.place = self.root / rest.strip("/")
        self.place.mkdir(parents=True, exist_ok=True)

    def _user(self, rest: str) -> None:
        self.user = rest

    def _cmd(self, rest: str) -> None:
        self.command = json.loads(rest)

    def _healthcheck(self, rest: str) -> None:
        self.health = json.loads(rest.partition(" CMD ")[2])

    def _expose(self, rest: str) -> None:
        assert rest == "8000"

    def _stopsignal(self, rest: str) -> None:
        assert rest == "SIGTERM"

    # --- what the base has ----------------------------------------------------------------------

    def _make_tools(self) -> None:
        """Lay out what stands for the base's programs, where this machine's would not do."""
        tools = self.folder / "tools"
        tools.mkdir()
        self._tool("python", f'exec {base_python()} "$@"')
        self._tool("useradd", 'case " $* " in *" --uid 10001 "*) ;; *) exit 1 ;; esac')
        if os.getuid() != 0:
            self._tool("chown", "exit 0")

    def _tool(self, name: str, text: str) -> None:
        tool = self.folder / "tools" / name
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)


class QuickImage(Image):
    """With the packages of the tests' environment: those that the image has, and no others.

    And with static files that were `collected` already.
    """

    def __init__(self, collected: Path) -> None:
        super().__init__()
        self._collected = collected

    def _prepared(self, step: str) -> str:
        here = f"PYTHONPATH={ROOT} {sys.executable} -m tests.image"
        step = re.sub(r"(\S+)/bin/pip install -r (\S+)", rf"{here} \2 \1", step)
        copy = f"cp -R {self._collected} staticfiles"
        step = re.sub(r"\S+/python manage.py collectstatic --noinput", copy, step)
        return step.replace("-m venv ", "-m venv --without-pip ")


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction of a Dockerfile, and what follows it."""
    text = re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        yield name, re.sub(r"\s+", " ", rest)


def let_through() -> set[str]:
    """Return what .dockerignore lets into the image."""
    first, *others = (ROOT / ".dockerignore").read_text().split()
    assert first == "*", "all but what is named stays out"
    return {name.removeprefix("!") for name in others if name.startswith("!")}


def put(source: Path, target: Path, name: str) -> None:
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__") if source.parent == ROOT else None
        shutil.copytree(source, target, symlinks=True, ignore=ignored, dirs_exist_ok=True)
    else:
        is_folder = target.is_dir()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target / Path(name).name if is_folder else target)


def without_python(environment: Any) -> Environment:
    """Return the machine's environment without what is said to this Python, and to the chat."""
    names = ("VIRTUAL_ENV", "DJANGO", "SECRET_KEY", "DATABASE_URL", "STATIC_ROOT", "PYTEST")
    own = (*names, "PYTHONDONT", "PATH")
    return {name: value for name, value in environment.items() if not name.startswith(own)}


def base_python() -> Path:
    """Return the Python that this one is made of."""
    return Path(sys.base_prefix, "bin/python3").resolve()


def is_open(path: Path) -> bool:
    """Whether whoever it is may come there."""
    return all(place.stat().st_mode & 1 for place in (path, *path.parents))


def link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # not on one file system
        shutil.copy2(source, target)


# --- packages from here ------------------------------------------------------------------------


def take_from_here(requirements: Path, venv: Path) -> None:
    """Put into `venv` what `requirements` name, and what that needs, as it is installed here."""
    site = next(venv.glob("lib/python*/site-packages"))
    wanted = [line for line in requirements.read_text().splitlines() if line and line[0] != "#"]
    for found in needed(map(Requirement, wanted)):
        for file in found.files or ():
            put_file(Path(str(file.locate())), Path(os.path.normpath(site / file)), venv)


def needed(wanted: Iterable[Requirement]) -> Iterator[Distribution]:
    """Yield the packages that meet the requirements, and theirs."""
    waiting, seen = [*wanted], set[str]()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        found = distribution(requirement.name)
        assert requirement.specifier.contains(found.version, prereleases=True), requirement
        assert isinstance(found, PathDistribution)
        yield found
        extras = requirement.extras or {""}
        for further in map(Requirement, found.requires or ()):
            marker = further.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)


def put_file(source: Path, target: Path, venv: Path) -> None:
    if target.exists() or not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.parent == venv / "bin":
        script = source.read_text().splitlines()
        target.write_text("\n".join([f"#!{venv}/bin/python", *script[1:], ""]))
        target.chmod(0o755)
        return
    link(str(source), str(target))


# --- what comes out ----------------------------------------------------------------------------


@contextmanager
def built(make: Callable[[], Image]) -> Iterator[Image]:
    image = make()
    try:
        image.build()
        yield image
    finally:
        image.remove()


def moved(words: list[str], port: int) -> list[str]:
    """Return the image's command, or that which asks how it is, for a port that is free here."""
    return [word.replace("0.0.0.0", "127.0.0.1").replace("8000", str(port)) for word in words]


def wait_until_up(process: Process, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"it did not start: {log.read_text()}")


def main() -> None:
    with built(Image) as image:
        for seconds, what in image.took:
            print(f"{seconds:6.1f} s  {what[:100]}")
        log, port = image.folder / "log", free_port()
        environment = {"SECRET_KEY": "x" * 50, "DATABASE_URL": "sqlite:////tmp/none.sqlite3"}
        process = image.start(moved(image.command, port), environment, log)
        wait_until_up(process, f"http://127.0.0.1:{port}/healthz", log)
        image.run(moved(image.health, port), {}, log)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=10)
        print(f"{time.monotonic() - began:6.1f} s  from SIGTERM to its end ({code})")


if __name__ == "__main__":
    match sys.argv[1:]:
        case [requirements, venv]:
            take_from_here(Path(requirements), Path(venv))
        case _:
            main()
