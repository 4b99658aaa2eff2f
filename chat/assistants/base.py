"""The contract of every provider of text: plain data in, text out, one kind of error.

No Django here, and nothing that is kept: whoever asks has read all that is needed.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


class ProviderError(Exception):
    """Why there is no text, or no more of it.

    `code` is for programs and `detail` for the people in the conversation; `reason` is for staff:
    the provider's own words, shortened, without any key. A `permanent` one comes again however
    often one tries. `retry_after` is in seconds, if the provider told.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        reason: str = "",
        permanent: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{detail} ({reason})" if reason else detail)
        self.code = code
        self.detail = detail
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is, and how one is let in.

    `allowed` are addresses that may be spoken to although they are link-local, or a cloud's
    metadata.
    """

    kind: str
    base_url: str = ""  # empty: the provider's own
    key: str = field(default="", repr=False)
    connect_timeout: float = 10.0  # seconds
    allowed: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said: a person, or the assistant."""

    person: bool
    text: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """Only what is set is sent."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model.

    `beginning` is the text of a reply that is to be carried on from its last character.
    `prefill` says whether the server carries on a trailing assistant turn; None: as is usual for
    its kind. `context` is how many tokens prompt and reply may have together; None: not said.
    """

    model: str
    turns: tuple[Turn, ...]
    system: str = ""
    parameters: Parameters = Parameters()
    beginning: str = ""
    prefill: bool | None = None
    context: int | None = None


@dataclass(slots=True)
class Told:
    """What a provider tells beside the text; filled in while the text comes."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    thoughts: list[str] = field(default_factory=list)  # pieces of its reasoning
    at_limit: bool = False  # it stopped because it reached its maximum of tokens


class Provider(ABC):
    """Speaks with one endpoint. Made once for each, and shared by all replies."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @abstractmethod
    def stream(self, request: Request, told: Told) -> AsyncGenerator[str, None]:
        """Yield the text of the reply as it comes; an empty piece is a sign of life.

        Asks once: who wants another try asks again. To close the generator closes the connection,
        so that the provider stops. Raises ProviderError.
        """

    @abstractmethod
    async def models(self) -> list[str]:
        """Return the names of the models there are. Raises ProviderError."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""
