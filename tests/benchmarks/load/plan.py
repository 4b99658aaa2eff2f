"""What the load generator is told to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    scenario: str
    count: int
    pid: int
    """The server's process: its time is read at the very moments the window opens and shuts."""
    url: str
    identities: list[dict[str, str]]
    """Request headers of the people there are; the connections take turns with them."""
    length: int
    """Characters of every reply."""
    speed: float
    """Characters a second of every reply."""
    ack_every: int
    """Code points between two acknowledgements; 0 for servers that know none."""
    spread: float
    """Seconds over which the replies are started, so that their phases differ."""
    warm_up: float
    seconds: float
    grace: float
    text: str = ""
    """The text of every reply; empty where that is known only when it comes."""
    watchers: int = 1
    """Viewers of every conversation."""
