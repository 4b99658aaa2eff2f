"""The whole interface over HTTP, at /api/v1/."""

from chat.api import assistants, conversations, messages, replies, rooms, streams
from chat.api.document import Api
from chat.api.doors import let_in, open_for

api = Api(
    title="Streaming Chat",
    version="1",
    description="Conversations whose replies are typed live. Every list has at most `limit` items"
    " and the cursor of what follows, `next`. Every refusal is `{code, detail}`.",
    auth=let_in,
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
open_for(api)
for nouns in (assistants, conversations, messages, replies, rooms, streams):
    api.add_router("", nouns.router)
