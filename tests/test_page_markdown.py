"""Replies and messages are Markdown, which is set while it is being typed."""

from collections.abc import Callable

from playwright.async_api import expect

from tests.browser import Arrive, in_browser
from tests.server import Server

pytestmark = in_browser

REPLY = """# A *short* list

Some **bold words and `code`**, ~~gone~~, and [a link](https://example.org/a "There") here,
or www.example.com.

- one
- [x] two
  1. deep **down**

| Name | Count |
|:-----|------:|
| this | 1     |

```python
def answer():
    return "**42**"
```

> See [the notes].

[the notes]: https://example.org/notes
"""
# Marks that nobody is to see, not even for a moment, while the text is being typed.
MARKS = ["**", "~~", "](", "[a", "[x", "|:", "```", "# ", "[the notes]:", "- one"]
# Notes all that the newest reply ever shows, but for code, in which marks are meant.
WATCH = """() => {
  window.shown = new Set();
  new MutationObserver(() => {
    const texts = document.querySelectorAll("[data-author=assistant] [data-role=text]");
    const text = [...texts].at(-1);
    const copy = text.cloneNode(true);
    for (const code of copy.querySelectorAll("pre")) code.remove();
    window.shown.add(copy.textContent);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
SHAPE = """text => {
  const say = selector => [...text.querySelectorAll(selector)].map(one => one.textContent.trim());
  return {
    blocks: [...text.children].map(block => block.tagName),
    strong: say("strong"), struck: say("s"), heading: say("h1 > em"), cells: say("th, td"),
    right: say("[data-align=right]"),
    boxes: [...text.querySelectorAll("input")].map(box => box.checked),
    links: [...text.querySelectorAll("a")].map(a => [a.href, a.title, a.target, a.rel]),
    language: text.querySelector(".code").dataset.language, code: say("pre"),
  };
}"""
TABLES = """\
| Option | Price | What you get for it | And what more there is |
| --- | --- | --- | --- |
| Basic | €9 | one workspace, five people, and answers by mail | nothing at all |

| المنتج | السعر | ملاحظة |
| --- | --- | --- |
| تفاح | 12 | per kilo |
"""
# How many lines the text of each cell takes, and how far right it goes.
CELLS = """table => [...table.querySelectorAll("th, td")].map(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const { height, right } = range.getBoundingClientRect();
  return [Math.round(height / parseFloat(getComputedStyle(cell).lineHeight)), Math.round(right)];
})"""
AWAY = ["_blank", "noopener noreferrer nofollow"]


async def test_reply_is_set_while_it_is_typed_and_its_marks_are_never_seen(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    scripted("page-markdown", REPLY, "--speed", "150")
    person = await arrive(server)
    await person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await person.lingers()
    alice = await person.open()
    await alice.greeted()
    loaded = "() => performance.getEntriesByType('resource').map(({ name }) => name).join()"
    assert "/vendor/" not in await alice.page.evaluate(loaded), "only when it is first needed"
    await alice.page.evaluate(WATCH)
    await alice.write("page-markdown")
    await alice.ended(2)

    shown = await alice.page.evaluate("[...shown]")
    assert len(shown) > 5, "it was looked at while it was typed, however slow this machine is"
    set_from = next(i for i, text in enumerate(shown) if text.startswith("A"))
    assert not [(mark, text) for text in shown[set_from:] for mark in MARKS if mark in text]
    assert await alice.text(alice.reply).evaluate(SHAPE) == {
        "blocks": ["H1", "P", "UL", "DIV", "DIV", "BLOCKQUOTE"],
        "strong": ["bold words and code", "down"],
        "struck": ["gone"],
        "heading": ["short"],
        "cells": ["Name", "Count", "this", "1"],
        "right": ["Count", "1"],
        "boxes": [True],
        "links": [
            ["https://example.org/a", "There", *AWAY],
            ["http://www.example.com/", "", *AWAY],
            ["https://example.org/notes", "", *AWAY],
        ],
        "language": "python",
        "code": ['def answer():\n    return "**42**"'],
    }
    code = alice.reply.locator("pre")
    await expect(code.locator(".hljs-keyword").first).to_have_text("def")
    await alice.reply.get_by_role("button", name="Copy the code").click()
    await expect(alice.reply.locator(".copy-code[data-copied]")).to_be_visible()
    copied = await alice.page.evaluate("navigator.clipboard.readText()")
    assert copied == 'def answer():\n    return "**42**"'

    await alice.page.reload()
    await expect(alice.reply.locator("blockquote a")).to_have_text("the notes")


async def test_message_keeps_its_line_breaks_and_is_set_by_the_same_rules(
    arrive: Arrive, server: Server
) -> None:
    alice = await (await arrive(server)).open()
    await alice.greeted()
    await alice.write("one **two**\nthree\n\nfour <b>five</b>")
    text = alice.text(alice.mine.last)
    await expect(text.locator("strong")).to_have_text("two")
    assert await text.inner_text() == "one two\nthree\n\nfour <b>five</b>"


async def test_tables_are_read_on_a_phone(
    arrive: Arrive, server: Server, scripted: Callable[..., str]
) -> None:
    keyword = scripted("page-tables", TABLES, "--speed", "0")
    phone = {"width": 390, "height": 844}
    alice = await (await arrive(server, viewport=phone)).open()
    await alice.write(keyword)
    await alice.ended(2)
    wide, from_the_right = alice.reply.locator(".table").first, alice.reply.locator(".table").last
    cells = await wide.evaluate(CELLS)
    assert [lines for lines, _ in cells[4:6]] == [1, 1], "what is short stays on its line"
    assert max(lines for lines, _ in cells) <= 5, "and the rest is no column of single words"
    assert await wide.evaluate("table => table.scrollWidth > table.clientWidth")
    shown = "() => document.documentElement.scrollWidth"
    assert await alice.page.evaluate(shown) <= phone["width"]

    cells = await from_the_right.evaluate(CELLS)
    for heading, below in zip(cells[:3], cells[3:], strict=True):
        assert abs(heading[1] - below[1]) <= 1, "also numbers, and words of another language"
