"""A real nginx in front of servers, as deploy/ configures it."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.server import ROOT, START_PATIENCE, free_port

TEMPLATE = ROOT / "deploy/nginx/chat.conf.template"
PATH = f"{os.environ['PATH']}:/usr/sbin"  # where Debian has it, and only root looks
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
WHOLE = """\
{user}
worker_processes 2;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    include {types};
    default_type application/octet-stream;
    access_log off;
    {temporary}
    include {folder}/conf.d/*.conf;
}}
"""


class Nginx:
    """Nginx on a free port in front of the servers on `ports`; all that it writes is in `folder`.

    `static` is what `collectstatic` filled; `listen` the directives that a file like plain.conf
    has, for another port than a free one, or TLS; `variables` are more of the template's: with
    CHAT_UNLIMITED="127.0.0.1 0;" nobody here is limited.
    """

    def __init__(
        self,
        folder: Path,
        ports: Sequence[int],
        static: Path | None = None,
        listen: str = "",
        **variables: str,
    ) -> None:
        self.folder = folder / "nginx"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "conf.d").mkdir(parents=True)
        (self.folder / "static").mkdir()
        (self.folder / "listen.conf").write_text(listen or f"listen 127.0.0.1:{self.port};\n")
        self.variables = {
            "CHAT_SERVERS": " ".join(f"server 127.0.0.1:{port};" for port in ports),
            "CHAT_STATIC": f"{static or self.folder / 'static'}/",
            "CHAT_LISTEN": str(self.folder / "listen.conf"),
            "CHAT_UNLIMITED": "",
            **variables,
        }
        self._configure()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "error.log").read_text()

    def start(self) -> None:
        with (self.folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self.folder / "output.log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        raise AssertionError(f"nginx did not start: {self.log}")

    def reload(self) -> None:
        """Let it read its configuration anew; what is open goes on."""
        assert self._process is not None, "nginx runs"
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def checked(self) -> str:
        """Return what nginx says of its configuration, if that can be used."""
        told = subprocess.run(
            self._command("-t"), check=True, capture_output=True, text=True, timeout=20
        )
        return told.stderr

    def _configure(self) -> None:
        (self.folder / "conf.d/chat.conf").write_text(filled(TEMPLATE, self.variables))
        temporary = (f"{name}_temp_path {self.folder}/{name};" for name in TEMPORARY)
        whole = WHOLE.format(
            user=f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else "",
            folder=self.folder,
            types=_types(),
            temporary=" ".join(temporary),
        )
        (self.folder / "nginx.conf").write_text(whole)

    def _command(self, *options: str) -> tuple[str, ...]:
        program = shutil.which("nginx", path=PATH)
        assert program, "nginx is installed"
        configuration = ("-p", str(self.folder), "-c", str(self.folder / "nginx.conf"))
        errors = ("-e", str(self.folder / "error.log"))
        return (program, *configuration, *errors, "-g", "daemon off;", *options)


def filled(template: Path, variables: dict[str, str]) -> str:
    """Return what `envsubst` makes of `template`, called as deploy/ says."""
    wanted = " ".join(f"${name}" for name in variables)
    made = subprocess.run(
        ["envsubst", wanted],
        env={"PATH": os.environ["PATH"], **variables},
        input=template.read_bytes(),
        capture_output=True,
        check=True,
    )
    return made.stdout.decode()


def _types() -> Path:
    """Return nginx's own list of types, which lies beside its configuration."""
    program = shutil.which("nginx", path=PATH) or "nginx"
    told = subprocess.run([program, "-V"], check=True, capture_output=True, text=True).stderr
    options = dict(word.partition("=")[::2] for word in told.split() if "=" in word)
    return Path(options["--conf-path"]).parent / "mime.types"


@contextlib.contextmanager
def running_nginx(
    folder: Path, ports: Sequence[int], static: Path | None = None, listen: str = "", **more: str
) -> Iterator[Nginx]:
    nginx = Nginx(folder, ports, static, listen, **more)
    nginx.start()
    try:
        yield nginx
    finally:
        nginx.stop()
