"""The whole interface over HTTP, at /api/v1/."""

from ninja import NinjaAPI

from chat.api import assistants, streams
from chat.api.doors import let_in, open_for

api = NinjaAPI(
    title="Streaming Chat",
    version="1",
    auth=let_in,
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
open_for(api)
api.add_router("", assistants.router)
api.add_router("", streams.router)
