"""How templates set what people have given."""

import re

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def breakable(address: str) -> SafeString:
    """Let a long e-mail address break after its parts, and not in the middle of a word."""
    parts = re.split("(?<=[@.])(?=.)", address)
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in parts))
