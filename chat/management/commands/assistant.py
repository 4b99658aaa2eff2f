"""Create or update an assistant."""

from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.management import rows
from chat.models import Assistant, kinds

FIELDS = (
    *("on", "name", "kind", "default", "audience", "fallback", "shows_images"),
    *("base_url", "model", "key_variable", "system"),
    *("temperature", "top_p", "max_tokens", "stop", "prefill"),
    *("context_budget", "connect_timeout", "first_timeout", "silence_timeout", "paced"),
)


def or_empty(kind: type[float]) -> Callable[[str], float | str]:
    """Return what reads a number of this kind, or an empty text."""

    def read(text: str) -> float | str:
        return kind(text) if text else ""

    read.__name__ = kind.__name__  # which argparse calls it in an error
    return read


class Command(BaseCommand):
    help = (
        "Create the assistant SLUG, or update it: what is not given stays as it is, except that"
        ' without --off it is on. To empty an option, give it as "".'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="what programs call it")
        parser.add_argument(
            "--kind", choices=[kind for kind, _ in kinds()], help="a new assistant needs it"
        )
        parser.add_argument("--name", help="what people see; at first made from SLUG")
        parser.add_argument(
            "--default", action="store_true", default=None, help="the former one is it no longer"
        )
        parser.add_argument("--audience", choices=Assistant.Audience.values, help="who may use it")
        parser.add_argument("--fallback", metavar="SLUG", help="who answers when it cannot")
        parser.add_argument(
            "--off", dest="on", action="store_false", help="it answers nobody until it is on again"
        )
        parser.add_argument(
            "--images",
            dest="shows_images",
            action=BooleanOptionalAction,
            help="readers' browsers load the pictures that it names, from wherever they are",
        )
        self._add_model(parser.add_argument_group("for models"))
        self._add_limits(parser.add_argument_group("limits of models"))

    def _add_model(self, group: Any) -> None:
        group.add_argument("--base-url", metavar="URL", help="at first the provider's own")
        group.add_argument("--model", help="a new one needs it")
        group.add_argument(
            "--key-variable",
            metavar="ENV",
            help="the name of the environment variable that holds the key, never the key itself",
        )
        group.add_argument("--system", metavar="TEXT", help="the system prompt")
        group.add_argument("--temperature", type=or_empty(float))
        group.add_argument("--top-p", type=or_empty(float))
        group.add_argument("--max-tokens", type=or_empty(int), help="of one answer")
        group.add_argument(
            "--stop",
            action="append",
            metavar="WORD",
            help="ends an answer; may be given four times",
        )
        group.add_argument(
            "--prefill",
            action=BooleanOptionalAction,
            help="the server goes on with a trailing assistant turn, or does not",
        )

    def _add_limits(self, group: Any) -> None:
        group.add_argument("--context-budget", type=int, metavar="TOKENS")
        for name, what in (
            ("connect", "until it is connected"),
            ("first", "until the first sign of an answer"),
            ("silence", "without a sign within an answer"),
        ):
            group.add_argument(f"--{name}-timeout", type=float, metavar="SECONDS", help=what)
        group.add_argument(
            "--at-once",
            dest="paced",
            action="store_false",
            default=None,
            help="text leaves the moment it comes, at more cost",
        )
        group.add_argument("--paced", action="store_true", default=None, help="in bursts, as usual")

    def handle(self, *args: Any, slug: str, **options: Any) -> None:
        found = Assistant.objects.filter(slug=slug).first()
        if found is None and options["kind"] is None:
            raise CommandError(f"there is no assistant {slug!r} yet, and a new one needs --kind")
        if options["stop"] is not None:
            options["stop"] = "\n".join(options["stop"])
        if options["fallback"]:
            options["fallback"] = _named(options["fallback"])
        assistant = found or Assistant(slug=slug, name=slug.replace("-", " ").capitalize()[:80])
        verb = rows.save(assistant, options, *FIELDS)
        self.stdout.write(f"{verb} the assistant {slug!r}")


def _named(slug: str) -> Assistant:
    try:
        return Assistant.objects.get(slug=slug)
    except Assistant.DoesNotExist:
        raise CommandError(f"fallback: there is no assistant {slug!r}") from None
