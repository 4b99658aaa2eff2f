"""What the load generator is told to do."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    scenario: str
    count: int
    pid: int
    """The server's process: its time is read at the very moments the window opens and shuts."""
    url: str
    identities: list[dict[str, str]]
    """Request headers of the people there are; the connections take turns with them."""
    ack_every: int
    """Code points between two acknowledgements; 0 for servers that know none."""
    warm_up: float
    seconds: float
    grace: float
    length: int = 0
    """Characters of every reply."""
    speed: float = 0.0
    """Characters a second of every reply."""
    spread: float = 0.0
    """Seconds over which the replies are started, so that their phases differ."""
    text: str = ""
    """The text of every reply; empty where that is known only when it comes."""
    watchers: int = 1
    """Viewers of every conversation."""
    writing: int = 0
    """People in a room who write."""
    pace: float = 0.0
    """Messages a second of each of them."""
    stay: float = 0.0
    """Seconds after which somebody's line breaks, on average."""
    quiet: float = 0.0
    """Seconds of peace before memory is looked at."""
    sizes: dict[str, int] = field(default_factory=dict)
    """How many there are of each kind of client."""
    others: dict[str, int] = field(default_factory=dict)
    """More processes, by name, whose time is read at the same moments."""
