"""What the commands share that create a row, or update the one that has its name."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import models


def save(row: models.Model, options: Mapping[str, Any], *fields: str) -> str:
    """Give `row` the `options` of these names, save it, and say "created" or "updated".

    None is what was not given, and stays; an empty text empties. Raises CommandError, in one line.
    """
    verb = "updated" if row.pk else "created"
    for name in fields:
        if options[name] is not None:
            may_be_none = row._meta.get_field(name).null
            setattr(row, name, None if options[name] == "" and may_be_none else options[name])
    try:
        row.full_clean()
    except ValidationError as error:
        raise CommandError(_line(error)) from None
    row.save()
    return verb


def _line(error: ValidationError) -> str:
    """Return all that is wrong, each at the name of its option."""
    faults = error.message_dict.items()
    return "; ".join(f"{field.replace('_', '-')}: {' '.join(what)}" for field, what in faults)
