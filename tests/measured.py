"""What a server says that it has counted and measured."""

import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.client import PATIENCE
from tests.server import Server

TOKEN = "a token for tests, used nowhere else"


def measured(server: Server, name: str, **labels: str) -> float:
    """Return the sample `name` at a server that has TOKEN as METRICS_TOKEN."""
    request = urllib.request.Request(f"{server.url}/metrics")
    request.add_header("Authorization", f"Bearer {TOKEN}")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    samples = (sample for family in families for sample in family.samples)
    return sum(each.value for each in samples if (each.name, each.labels) == (name, labels))


def wait_for(server: Server, wanted: float, name: str, **labels: str) -> None:
    """Wait until the sample is at least `wanted`: some things are counted a moment later."""
    deadline = time.monotonic() + PATIENCE
    while (found := measured(server, name, **labels)) < wanted:
        assert time.monotonic() < deadline, f"{name} {labels} is {found}"
