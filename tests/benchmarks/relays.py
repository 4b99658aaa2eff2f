"""Who passes a model's tokens on: this product in both its ways, and the peer."""

from typing import ClassVar

from .product import Product
from .servers import HOST, Server


class Provider(Server):
    """Asked by all of them; see provider.py."""

    label = "the provider"

    def __init__(self, tokens: int, rate: float) -> None:
        super().__init__()
        self.tokens = tokens
        self.rate = rate

    def command(self) -> list[str]:
        sizes = (self.port, self.tokens, self.rate)
        return [f"{__package__}.provider", *map(str, sizes)]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/v1"


class Relay(Server):
    def __init__(self, provider: Provider, people: int) -> None:
        super().__init__()
        self.provider = provider
        self.people = people

    def environment(self) -> dict[str, str]:
        return {"PROVIDER_URL": self.provider.url}


class ProductInBursts(Product, Relay):
    label = "Streaming Chat, in bursts"
    pacing: ClassVar[str] = "--paced"

    def environment(self) -> dict[str, str]:
        return super().environment() | {"REPLIES_PER_PROVIDER": "1000"}

    def prepare(self) -> None:
        super().prepare()
        self.manage(
            "assistant", "benchmark", "--kind", "openai", "--base-url", self.provider.url,
            "--model", "benchmark", "--default", self.pacing,
        )  # fmt: skip


class ProductAtOnce(ProductInBursts):
    label = "Streaming Chat, at once"
    pacing = "--at-once"


class FastAPIRelay(Relay):
    label = "FastAPI, uvicorn"

    def command(self) -> list[str]:
        application = f"{__package__}.peers.fastapi_openai:app"
        return ["uvicorn", application, "--host", HOST, "--port", str(self.port)]


RELAYS: dict[str, type[Relay]] = {
    "product": ProductInBursts,
    "product_at_once": ProductAtOnce,
    "fastapi": FastAPIRelay,
}
