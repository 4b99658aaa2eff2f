"""Run in the server's database, after ROLES and GROUPS are set: who they are, and where.

Prints, as JSON, a session's cookie for each role, and for each kind of conversation, group of acts
and role its paths, its links, and for each act a question and its reply.
"""
# ruff: noqa: F821 - ROLES and GROUPS are set by who runs it

import json
import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.utils import timezone

from chat.models import Assistant, Conversation, Link, Membership, Message, ScriptedReply, User

GUESTS = ("guest", "stranger", "watcher")
SEATS = {name: name for name in ("member", "moderator", "owner", "banned")}
SEATS |= {"guest": "member", "zoe": "member"}
LONG = "It goes on and on. " * 200
STATUSES = {"stop": "streaming", "retry": "failed", "continue": "stopped"}

ScriptedReply.objects.update(speed=0)
people, cookies = {}, {}
for role in (*ROLES, "zoe"):
    if role == "anonymous":
        continue
    id = uuid.uuid4()
    user = (
        User.objects.guest(id, f"{role.title()} the guest")
        if role in GUESTS
        else User.objects.create_user(role, id=id, is_staff=role == "staff")
    )
    people[role] = user
    session = SessionStore()
    if role in GUESTS:
        session["visitor"] = str(user.pk)
    else:
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    cookies[role] = f"{settings.SESSION_COOKIE_NAME}={session.session_key}"

assistant = Assistant.objects.get(slug="assistant")


def open_place(kind: str, group: str, acts: list[str], role: str) -> dict[str, Any]:
    """Make the conversation in which `role` tries `acts`; return where everything is."""
    is_room = kind != "talk"
    talk = Conversation.objects.create(
        kind="room" if is_room else "private",
        title=f"{kind} {group}",
        slug=f"{kind}-{group}-{role}" if is_room else None,
        owner=None if is_room else people["owner"],
        listed=kind != "den",
        closed=timezone.now() if kind == "closed" else None,
        written=timezone.now(),
    )
    seats = {who: seat for who, seat in SEATS.items() if is_room or who != "owner"}
    Membership.objects.bulk_create(
        Membership(conversation=talk, person=people[who], role=seat) for who, seat in seats.items()
    )
    links = {
        right: Link.objects.create(conversation=talk, token=Link.new_token(), right=right)
        for right in ("watch", "join")
    }
    path = f"/rooms/{talk.slug}/" if is_room else f"/c/{talk.pk}/"
    socket = f"/ws{path}".replace("/c/", "/chat/")
    return {
        "socket": f"/ws/shared/{links['watch'].token}/" if role == "watcher" else socket,
        "page": path,
        "id": str(talk.pk),
        "link": links["watch"].pk,
        "watch": links["watch"].get_absolute_url(),
        "join": f"{links['join'].get_absolute_url()}join/",
        "pairs": {act: open_pair(talk, act, role) for act in acts},
    }


def open_pair(talk: Conversation, act: str, role: str) -> tuple[int, int]:
    """Return the ids of a question, and of the reply to it, that `act` is about."""
    asker = people["zoe"] if role == "anonymous" or not act.endswith("-own") else people[role]
    question = talk.messages.create(person=asker, text="Well?")
    return question.pk, open_reply(talk, question, act.split("-")[0]).pk


def open_reply(talk: Conversation, question: Message, verb: str) -> Message:
    reply = talk.messages.create(
        assistant=assistant,
        reply_to=question,
        asked_by=question.person if talk.is_room else None,
        text="It goes on",
        script=LONG,
        speed=1,
        status=STATUSES.get(verb, "complete"),
        lease="another process" if verb == "stop" else "",
        version=2 if verb == "version" else 1,
        versions=2 if verb == "version" else 1,
    )
    if verb == "version":
        reply.others.create(number=1, assistant=assistant, text="It went")
    return reply


with transaction.atomic():
    places = {
        f"{kind} {group} {role}": open_place(kind, group, acts, role)
        for kind, groups in GROUPS.items()
        for group, acts in groups.items()
        for role in ROLES
    }
found = {"cookies": cookies, "places": places, "zoe": str(people["zoe"].pk)}
print(json.dumps(found))
