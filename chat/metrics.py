"""What is counted and measured, for Prometheus."""

from prometheus_client import Counter, Histogram

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
