"""Create or update a scripted reply."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.management import rows
from chat.models import ScriptedReply


class Command(BaseCommand):
    help = (
        "Create the scripted reply NAME, or update it: what is not given stays as it is,"
        " except that without --off it is on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what the admin lists it as")
        parser.add_argument(
            "--text",
            help="may contain {name}, {message}, {date}, {time}; {{ and }} are braces;"
            " a new reply needs it",
        )
        triggers, audiences = ScriptedReply.Trigger, ScriptedReply.Audience
        for name, choices in (("trigger", triggers), ("audience", audiences)):
            meanings = "; ".join(f"{value}: {label}" for value, label in choices.choices)
            said = f"{meanings} ({_at_first(name)})"
            parser.add_argument(f"--{name}", choices=choices.values, help=said)
        parser.add_argument(
            "--keywords", metavar="A,B", help="for --trigger keyword: words, in any case"
        )
        parser.add_argument(
            "--every", type=float, metavar="SECONDS", help="for --trigger interval: how often"
        )
        speed = f"characters a second; 0: at once ({_at_first('speed')})"
        parser.add_argument("--speed", type=float, help=speed)
        priority = f"the highest that matches answers ({_at_first('priority')})"
        parser.add_argument("--priority", type=int, help=priority)
        parser.add_argument(
            "--off", dest="on", action="store_false", help="it answers nobody until it is on again"
        )

    def handle(self, *args: Any, name: str, on: bool, **options: Any) -> None:
        reply = ScriptedReply.objects.filter(name=name).first() or ScriptedReply(name=name)
        if reply.pk is None and options["text"] is None:
            raise CommandError(f"there is no reply {name!r} yet, and a new reply needs --text")
        reply.on = on
        fields = ("text", "trigger", "keywords", "audience", "speed", "every", "priority")
        verb = rows.save(reply, options, *fields)
        self.stdout.write(f"{verb} the scripted reply {name!r}")


def _at_first(field: str) -> str:
    """Tell what a new reply has where nothing is given."""
    return f"at first: {getattr(ScriptedReply(), field)}"
