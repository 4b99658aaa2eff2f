"""Who types replies out: this product under Daphne, and the two peers."""

from .product import Product
from .servers import HOST, Server

PACKAGE = __package__


class Typist(Server):
    def __init__(self, text: str, speed: float) -> None:
        super().__init__()
        self.text = text
        self.speed = speed

    def environment(self) -> dict[str, str]:
        return {"REPLY_TEXT": self.text, "REPLY_SPEED": str(self.speed)}


class TypingProduct(Product, Typist):
    def prepare(self) -> None:
        super().prepare()
        self.manage(
            "reply", "benchmark", "--text", self.text, "--trigger", "message",
            "--speed", f"{self.speed:g}", "--priority", "1000",
        )  # fmt: skip


class FastAPIPeer(Typist):
    label = "FastAPI, uvicorn"

    def command(self) -> list[str]:
        application = f"{PACKAGE}.peers.fastapi_loop:app"
        return ["uvicorn", application, "--host", HOST, "--port", str(self.port)]


class ChannelsPeer(Typist):
    label = "Channels tutorial, Daphne"

    def command(self) -> list[str]:
        application = f"{PACKAGE}.peers.channels_tutorial:application"
        return ["daphne", "-b", HOST, "-p", str(self.port), application]


COMPETITORS: dict[str, type[Typist]] = {
    "product": TypingProduct,
    "fastapi": FastAPIPeer,
    "channels": ChannelsPeer,
}
