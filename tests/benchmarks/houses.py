"""Who has a room in which everybody is present: this product, and the tutorial's way."""

from .product import Product
from .servers import HOST, Server

# People who were there before, with the session that their browser has of that.
GUESTS = """
import uuid
from django.contrib.sessions.backends.db import SessionStore
from chat.people import VISITOR
for _ in range({}):
    session = SessionStore()
    session[VISITOR] = str(uuid.uuid4())
    session.create()
    print(session.session_key)
"""
UNLIMITED = "100000000"


class House(Server):
    def __init__(self, people: int) -> None:
        super().__init__()
        self.guests = people


class ProductHouse(Product, House):
    """Everybody is a guest, in the Lobby, where the assistant answers only when it is mentioned."""

    label = "Streaming Chat, Daphne"

    def environment(self) -> dict[str, str]:
        return super().environment() | {"GUEST_MESSAGES_PER_MINUTE": UNLIMITED}

    def prepare(self) -> None:
        super().prepare()
        printed = self.manage("shell", "-c", GUESTS.format(self.guests)).split()
        origin = f"http://{HOST}:{self.port}"
        self.identities = [
            {"Origin": origin, "Cookie": f"sessionid={key}"} for key in printed[-self.guests :]
        ]


class ChannelsHouse(House):
    label = "Channels tutorial, Daphne"

    def command(self) -> list[str]:
        application = f"{__package__}.peers.channels_room:application"
        return ["daphne", "-b", HOST, "-p", str(self.port), application]

    def environment(self) -> dict[str, str]:
        return {"DATABASE": str(self.folder / "db.sqlite3")}


HOUSES: dict[str, type[House]] = {"product": ProductHouse, "channels": ChannelsHouse}
