"""What is counted and measured, for Prometheus; each process tells what itself has seen."""

from prometheus_client import Counter, Gauge, Histogram

CANCEL_SECONDS = Histogram(
    "chat_provider_cancel_seconds",
    "From the stop of a reply until the connection to its provider was closed.",
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
PROVIDER_ERRORS = Counter(
    "chat_provider_errors", "Times that a provider did not answer, by the reason.", ["code"]
)
FIRST_CHARACTER_SECONDS = Histogram(
    "chat_first_character_seconds",
    "From the request to a provider until the first character of its answer.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
CONNECTIONS = Gauge("chat_connections", "WebSockets, and requests that are answered in pieces.")
VIEWERS = Gauge("chat_viewers", "Those who watch a conversation.")
WRITING = Gauge("chat_replies_being_written", "Replies that this process writes now.")
REPLIES = Counter("chat_replies", "Replies that ended, by their status.", ["status"])
for status in ("complete", "stopped", "failed", "interrupted"):
    REPLIES.labels(status)
CHARACTERS = Counter("chat_characters_delivered", "Characters, times those who were sent them.")
LATE_SECONDS = Histogram(
    "chat_character_late_seconds",
    "How long after it was due the first character of a burst left.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
GAPS = Counter("chat_gaps_healed", "Times that text was missing somewhere and was sent again.")
DUPLICATES = Counter("chat_duplicates_dropped", "Messages and texts that were known already.")
TAKEOVERS = Counter("chat_takeovers", "Replies whose writer was gone, that go on here.")
SLOW_READERS = Counter("chat_slow_readers_closed", "Connections closed as nobody read.")
EVENTS = Counter("chat_layer_events", "What was said to other processes, or not.", ["outcome"])
for outcome in ("sent", "missed"):
    EVENTS.labels(outcome)  # so that it is 0 before it first happens, and its rise is seen
SAVE_SECONDS = Histogram(
    "chat_database_save_seconds",
    "Saving all replies that are being written, together.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
SAVES_FAILED = Counter("chat_database_saves_failed", "Times that the database took no replies.")
