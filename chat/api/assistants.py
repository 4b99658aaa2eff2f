"""Who can be asked for replies."""

from typing import Any

from ninja import Router, Schema

from chat import answers
from chat.api.doors import Call
from chat.database import in_database
from chat.people import Person

router = Router(tags=["Assistants"])


class Assistant(Schema):
    slug: str
    name: str
    default: bool


@router.get("/assistants", response={200: list[Assistant]}, summary="List the assistants")
async def listed(request: Call) -> list[dict[str, Any]]:
    """All that the caller may ask, the usual one first."""
    return await in_database(_offered, request.auth)


def _offered(person: Person) -> list[dict[str, Any]]:
    return [dict(each) for each in answers.offered_to(person).values("slug", "name", "default")]
