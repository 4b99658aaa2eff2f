"""What a browser keeps to show the chat without a connection, and to install it.

Nobody is known here: what is kept is the same for everybody.
"""

import hashlib
import json
import re
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from chat import assets

ENTRY = "chat/chat.js"
WORKER = "chat/service-worker.js"
GROUND = "#f5f5f2"
ICONS = (  # file, size, what it may be used for
    ("chat/icon.svg", "any", "any"),
    ("chat/icon-192.png", "192x192", "any"),
    ("chat/icon-512.png", "512x512", "any"),
    ("chat/icon-maskable.png", "512x512", "maskable"),
)


@require_safe
@cache_control(public=True, max_age=3600)
def manifest(request: HttpRequest) -> HttpResponse:
    """What the chat is called, and looks like, where it is installed."""
    icons = [{"src": static(name), "sizes": sizes, "purpose": use} for name, sizes, use in ICONS]
    about = {
        "id": "/",
        "name": gettext("Chat Messages"),
        "short_name": gettext("Chat"),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": GROUND,
        "icons": icons,
    }
    return JsonResponse(about, content_type="application/manifest+json")


@require_safe
@cache_control(no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """The script that answers instead of the server when that cannot be reached."""
    shell = json.dumps(_shell.__wrapped__() if settings.DEBUG else _shell())
    script = f"self.SHELL = {shell};\n{assets.content(WORKER).decode()}"
    return HttpResponse(script, content_type="text/javascript; charset=utf-8")


@require_safe
@never_cache
def offline(request: HttpRequest) -> HttpResponse:
    """The page in place of all that cannot be had without a connection."""
    return HttpResponse(_offline())


@require_safe
@never_cache
def shell(request: HttpRequest) -> HttpResponse:
    """The chat in which the browser shows what it kept of a conversation."""
    return HttpResponse(_chat())


@cache
def _shell() -> dict[str, Any]:
    """Return what the service worker has to know; anything new in it makes it a new one."""
    pages = _chat() + _offline()
    linked = re.findall(
        rf'(?:href|src|data-style)="{re.escape(settings.STATIC_URL)}([^"]+)"', pages
    )
    later = assets.modules_later(ENTRY)
    whole = hashlib.sha256(pages.encode())
    for name in (*_plain_names(linked), *later, WORKER):
        whole.update(assets.content(name))
    return {
        "version": whole.hexdigest()[:12],
        "chat": reverse("shell"),
        "offline": reverse("offline"),
        "files": sorted(
            {static(name) for name in later} | {settings.STATIC_URL + it for it in linked}
        ),
        "root": settings.STATIC_URL,
    }


def _plain_names(linked: list[str]) -> list[str]:
    """Return what the linked files are called in their folder."""
    return [re.sub(r"\.[0-9a-f]{12}(\.\w+)$", r"\1", name) for name in linked]


def _chat() -> str:
    context = {"shell": True, "socket_path": "/ws/chat/", "entries": [], "current": ""}
    return render_to_string("chat/chat.html", context)  # without the request: it is nobody's


def _offline() -> str:
    return render_to_string("offline.html")
