"""Who is compared: this product under Daphne, and the two peers."""

import os
import subprocess
import sys

from .servers import HOST, ROOT, Server, ServerError

PACKAGE = __package__


class Product(Server):
    """This product, driven from the outside only: by its commands and its WebSocket."""

    label = "Streaming Chat, Daphne"
    wants_acks = True

    def command(self) -> list[str]:
        return ["daphne", "-b", HOST, "-p", str(self.port), "chatproject.asgi:application"]

    def environment(self) -> dict[str, str]:
        return {
            "SECRET_KEY": "only-for-a-benchmark-" + "0123456789" * 4,
            "DATABASE_URL": f"sqlite:///{self.folder / 'db.sqlite3'}",
            "DEBUG": "0",
            "REDIS_URL": "",
            "PYTHONUTF8": "1",
            "DJANGO_SUPERUSER_PASSWORD": "only-for-a-benchmark",
        }

    def prepare(self) -> None:
        self.manage("migrate", "--verbosity", "0")
        self.manage("reply", "greeting", "--text", "x", "--trigger", "greeting", "--off")
        self.manage(
            "reply", "benchmark", "--text", self.text, "--trigger", "message",
            "--speed", f"{self.speed:g}", "--priority", "1000",
        )  # fmt: skip
        self.identity = self.account("benchmark")

    def account(self, name: str) -> dict[str, str]:
        email = f"{name}@example.com"
        self.manage("createsuperuser", "--noinput", "--username", name, "--email", email)
        key = self.manage("apikey", name).split()[-1]
        return {"Authorization": f"Bearer {key}"}

    def manage(self, *arguments: str) -> str:
        if not (ROOT / "manage.py").exists():
            raise ServerError(f"{self.label} cannot be prepared: there is no manage.py")
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            check=False,
            env=os.environ | self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        if done.returncode:
            ending = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise ServerError(f"{self.label}: manage.py {arguments[0]} failed\n{ending}")
        return done.stdout


class FastAPIPeer(Server):
    label = "FastAPI, uvicorn"

    def command(self) -> list[str]:
        application = f"{PACKAGE}.peers.fastapi_loop:app"
        return ["uvicorn", application, "--host", HOST, "--port", str(self.port)]


class ChannelsPeer(Server):
    label = "Channels tutorial, Daphne"

    def command(self) -> list[str]:
        application = f"{PACKAGE}.peers.channels_tutorial:application"
        return ["daphne", "-b", HOST, "-p", str(self.port), application]


COMPETITORS: dict[str, type[Server]] = {
    "product": Product,
    "fastapi": FastAPIPeer,
    "channels": ChannelsPeer,
}
