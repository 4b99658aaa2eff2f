"""This product, as every benchmark runs it: driven from the outside only."""

import os
import subprocess
import sys

from .servers import HOST, ROOT, Server, ServerError

# Who has an account is not limited as guests are.
ACCOUNTS = """
from chat.models import ApiKey, User
for number in range({}):
    print(ApiKey.issue(User.objects.create_user(f"benchmark{{number}}"), ""))
"""


class Product(Server):
    """By its commands and its WebSocket."""

    label = "Streaming Chat, Daphne"
    people = 10  # who share what is done: nobody may have more than 100 replies going on
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
        }

    def prepare(self) -> None:
        self.manage("migrate", "--verbosity", "0")
        self.manage("reply", "greeting", "--text", "x", "--trigger", "greeting", "--off")
        keys = self.manage("shell", "-c", ACCOUNTS.format(self.people)).split()[-self.people :]
        self.identities = [{"Authorization": f"Bearer {key}"} for key in keys]

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
