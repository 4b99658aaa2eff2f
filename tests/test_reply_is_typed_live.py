"""A reply is typed out live, each character a frame of its own."""

from collections.abc import Callable

from tests.client import Client, session
from tests.conftest import Visit
from tests.server import Server

HARD = "👩‍👩‍👧‍👦 e\u0301 🇩🇪🇫🇷 \u1112\u1161\u11ab क्षि नमस्ते 👍🏽 z\u0335\u0321\u034f!"
HARD_CHARACTERS = [
    *("👩‍👩‍👧‍👦", " ", "e\u0301", " ", "🇩🇪", "🇫🇷", " ", "\u1112\u1161\u11ab", " "),
    *("क्षि", " ", "न", "म", "स्ते", " ", "👍🏽", " ", "z\u0335\u0321\u034f", "!"),
]


async def test_greeting_is_typed_to_a_new_visitor(visit: Visit) -> None:
    async with visit() as alice:
        greeting = alice.ready["messages"][0]
        assert (greeting["status"], greeting["text"]) == ("waiting", "")
        assert (await alice.end(greeting["id"]))["status"] == "complete"
        assert "".join(alice.chars(greeting["id"])) == "Hello from server!"


async def test_answer_follows_the_message(visit: Visit) -> None:
    async with visit() as alice:
        reply = await alice.post("hi there")
        await alice.end(reply)
        assert alice.chars(reply) == list("Hello from server!")
        mine, answer = list(alice.messages.values())[-2:]
        assert mine["author"]["kind"] == "person"
        assert answer["author"]["kind"] == "assistant"
        assert answer["reply_to"] == mine["id"]


async def test_characters_are_never_torn(visit: Visit, scripted: Callable[..., str]) -> None:
    scripted("graphemes", HARD, "--speed", "200")
    async with visit() as alice:
        reply = await alice.post("graphemes")
        await alice.end(reply)
        assert alice.chars(reply) == HARD_CHARACTERS


async def test_second_tab_types_in_step(visit: Visit, server: Server) -> None:
    cookie = session(server.url)
    async with visit(cookie=cookie) as tab, visit(tab.own_path, cookie=cookie) as other:
        reply = await tab.post("hello")
        await tab.end(reply)
        await other.end(reply)
        assert other.chars(reply) == tab.chars(reply)
        assert other.messages.keys() == tab.messages.keys()


async def test_reload_in_the_middle_goes_on(
    visit: Visit, server: Server, scripted: Callable[..., str]
) -> None:
    text = "Nothing is missing, and nothing comes twice. " * 20
    scripted("reload", text, "--speed", "60")
    cookie = session(server.url)
    async with visit(cookie=cookie) as before:
        reply = await before.post("reload")
        await before.until(lambda frame: frame.get("at") == 30)
    async with visit(before.own_path, cookie=cookie) as after:
        seen = after.messages[reply]["text"]
        assert len(seen) >= 30
        await after.until(lambda _: len(after.texts[reply]) >= len(seen) + 10)
        await after.send("reply.stop", reply=reply)
        end = await after.end(reply)
        assert seen + "".join(after.chars(reply)) == text[: end["length"]]


async def test_reply_goes_on_when_every_tab_is_closed(
    visit: Visit, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("alone", "Typed to nobody.", "--speed", "40")
    cookie = session(server.url)
    async with visit(cookie=cookie) as alice:
        reply = await alice.post("alone")
    async with visit(alice.own_path, cookie=cookie) as alice:
        if alice.messages[reply]["status"] != "complete":
            await alice.end(reply)
        assert alice.texts[reply] == "Typed to nobody."


async def test_killed_server_goes_on_at_the_exact_character(own_server: Server) -> None:
    text = "".join(f"{number} " for number in range(100))
    own_server.manage("reply", "answer", "--text", text, "--speed", "20")
    cookie, origin = session(own_server.url), own_server.url
    async with Client(own_server.url, origin=origin, cookie=cookie) as alice:
        reply = await alice.post("count")
        await alice.until(lambda frame: frame.get("at") == 60)
        own_server.kill()
        await alice.closed()
    own_server.start()
    async with Client(own_server.url, alice.own_path, origin=origin, cookie=cookie) as alice:
        assert alice.messages[reply]["status"] == "streaming"
        saved = alice.messages[reply]["text"]
        alice.patience = 60.0
        assert (await alice.end(reply))["status"] == "complete"
        assert alice.texts[reply] == text
        assert saved + "".join(alice.chars(reply)) == text
