"""What templates say about the files of a page."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from chat import assets

register = template.Library()


@register.simple_tag
def preloaded(entry: str) -> SafeString:
    """Name all modules that `entry` imports at once; or the browser finds them one by one."""
    links = ((static(name),) for name in assets.modules(entry)[1:])
    return format_html_join("", '<link rel="modulepreload" href="{}">', links)
