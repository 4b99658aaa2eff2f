"""Markdown is what CommonMark says it is, in whatever pieces it comes."""

import random
from collections.abc import AsyncIterator
from itertools import chain
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from playwright.async_api import Browser, Page

from tests.browser import in_browser
from tests.markdown import comparing, examples, specification
from tests.server import ROOT, Server

pytestmark = in_browser

EXAMPLES = examples()
README = (ROOT / "README.md").read_text()
DOCUMENT = (ROOT / "tests" / "benchmarks" / "document.md").read_text()
DOCUMENTS = {"README": README, "document": DOCUMENT, "specification": specification()[:12_000]}

# What Markdown is made of; strung together at random, it is what no example thought of.
PARTS = [
    *(
        "word",
        "a",
        "two, three",
        "four. Five",
        "6",
        "7.8",
        " ",
        "  ",
        "    ",
        "\t",
        "\n",
        "\n\n",
        "  \n",
        "\\\n",
        "\r\n",
        "\\",
        "\u00a0",
        "é",
        "👩‍👧",
    ),
    *(
        "*",
        "**",
        "***",
        "_",
        "__",
        "~~",
        "`",
        "``",
        "```",
        "```js\n",
        "~~~\n",
        "\n```\n",
        "-",
        "- ",
        "+ ",
    ),
    *(
        "* ",
        "1. ",
        "2) ",
        "\n- ",
        "\n  - ",
        "> ",
        "\n> ",
        "#",
        "# ",
        "\n## ",
        "\n---\n",
        "\n===\n",
        "***\n",
    ),
    *(
        "|",
        "| a | b |\n",
        "|-|:-:|\n",
        "\n| c |\n",
        "- [ ] ",
        "- [x] ",
        "[",
        "]",
        "(",
        ")",
        "!",
        "[a]",
    ),
    *(
        "[a](u)",
        "![a](u)",
        "[a]: /u 't'\n",
        "\n\n[a]: /u",
        "[a][b]",
        ": ",
        "<",
        ">",
        "<b>",
        "<!--",
        "&",
        ";",
    ),
    *(
        "&amp;",
        "&#35;",
        "https://a.example/b",
        "www.a.example",
        "<https://a.example>",
        "a@b.example",
        "'",
        '"',
    ),
]
GLUE = ["", "", " ", "\n", "\n", "\n\n"]
# Most words are added to those that stand there and never parsed; here that would be wrong.
TRAPS = [
    "# foo # foo bar",
    "*a foo foo b, c* d",
    "**bold, *words _in_ them, and* more** end",
    "***a, b c. d",
    "_**a b, c d_ e** f",
    "~~gone and *so on, or~~ not* x",
    "`code with  spaces and` more",
    "a `b c\nd, e` f",
    "[a foo](b foo x) y",
    "[a [b] c](url x y z",
    "![pic of foo](x y) end",
    "[" + "word " * 45 + "end](u) x",
    "| a |\n|-|\n| foo | foo bar |\n| x | b",
    "| a |\n|-|\n| foo \\| foo bar | b",
    "| *a b | *c d | e f\n|-|-|-|\n| *a b | *c d* e | f _g h",
    "a | b c\n-|-\nd e | f g",
    "| a b\n| c d",
    "foo\n\n[foo]: foo bar",
    "> foo\n>\n> [foo]: foo bar",
    "[a]: /u\n'title goes' on",
    '[a]: /u\n"title goes" on',
    "[a]: /u\n(title goes) on",
    "one\n12. two",
    "- 12. two",
    "- 1. a b",
    "- [ ] box it",
    "- [x  box it",
    "- a\n\n  b c\n- d e\n  - f g\n\n    h i",
    "> a b\nc d\n> e f\n\ng",
    "foo\n--- a",
    "a b  \nc d\n===\ne",
    "see foo.com or a.b, www.a b.example c@d.e",
    "a: b c:d http: //e",
    "<https://a b> c",
    "<https://a.b c",
    "a&amp b; c",
    "foo\\bar baz",
    "*a*b c d, 2*3 a b*4 c",
    "a “b c” — d…, 日本語 Привет é 👩‍👧 x",
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser, server: Server) -> AsyncIterator[Page]:
    page = await comparing(browser, server)
    yield page
    await page.close()


def joined(parts: list[tuple[str, str]]) -> str:
    return "".join(chain.from_iterable(parts))


def pieces(text: str, seed: int) -> list[str]:
    """Cut `text` as a network might: now and then in the middle of a mark, or of a line's end."""
    lengths = random.Random(seed)
    most = lengths.choice([3, 12, 60])
    result, start = [], 0
    while start < len(text):
        end = start + lengths.randint(1, most)
        result.append(text[start:end])
        start = end
    return result


async def call(page: Page, name: str, *arguments: Any) -> Any:
    """Return what a function of tests/sheets.js returns."""
    return await page.evaluate(f"given => sheets.{name}(...given)", arguments)


async def test_every_example_is_what_the_specification_says(page: Page) -> None:
    assert len(EXAMPLES) == 652
    found = await call(page, "notStandard", EXAMPLES)
    assert found["wrong"] == {}, sorted(map(int, found["wrong"]))
    assert len(found["raw"]) == 72, "HTML is text here; these examples are about it"


@pytest.mark.parametrize("variant", ["standard", "github", "breaks"])
@pytest.mark.parametrize("bit_by_bit", [False, True], ids=["whole", "bit by bit"])
async def test_every_example_is_what_the_parser_makes_of_it(
    page: Page, variant: str, bit_by_bit: bool
) -> None:
    texts = [(number, text) for number, text, _ in EXAMPLES]
    wrong = await call(page, "otherwise", texts, variant, bit_by_bit)
    assert wrong == {}, sorted(map(int, wrong))


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(
    text=st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from(GLUE)), max_size=20).map(joined)
)
@example(text="one\n\ntwo\n***three*** four")  # what a line is, its end may tell otherwise
@example(text="one\n\ntwo\n#three")
@example(text="one\n\ntwo\n```three``` four")
@example(text="one\n| two |\n|-|:-:|\n\n")
async def test_whatever_is_written_is_what_the_parser_makes_of_it(page: Page, text: str) -> None:
    for variant in ("standard", "github"):
        seen = await call(page, "both", text, variant)
        assert seen["whole"] == seen["wanted"]
        assert seen["pieces"] == seen["wanted"]
        if "]:" not in text:  # what a definition is for may stand above it
            assert await call(page, "astray", [*text], variant) is None
            assert await call(page, "astray", pieces(text, seed=0), variant) is None


@pytest.mark.parametrize("variant", ["standard", "github", "breaks"])
async def test_every_step_is_what_all_until_then_comes_to(page: Page, variant: str) -> None:
    for text in TRAPS:
        assert await call(page, "astray", [*text], variant) is None
        assert await call(page, "astray", pieces(text, seed=0), variant) is None


async def test_marks_are_closed_in_the_cell_that_is_written(page: Page) -> None:
    head = "| a | b | c |\n|-|-|-|\n"
    assert await call(page, "cells", head + "| *d") == ["<em>d</em>", "", ""]
    assert await call(page, "cells", head + "| *d | _e **f ") == [
        "*d",
        "<em>e <strong>f</strong></em> ",
        "",
    ]
    assert await call(page, "cells", head + "| *d |") == ["*d", "", ""]
    assert await call(page, "cells", head + "| d | *e | *f") == ["d", "*e", "<em>f</em>"]
    assert await call(page, "cells", head + "| d | *e | *f |") == ["d", "*e", "*f"]


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_pieces_make_no_difference(page: Page, name: str) -> None:
    text = DOCUMENTS[name]
    wanted = await call(page, "reference", text, "github")
    for seed in range(3):
        found = await call(page, "stream", pieces(text, seed), "github")
        assert found["html"] == wanted, seed
        assert found["touched"] == [], "what is complete is left alone"
        before, after = found["selected"]
        assert after == before != ""


async def test_selection_stays_in_a_paragraph_that_grows(page: Page) -> None:
    rest = " and **more** of it, with `code`, [a link](https://a.example) and *the end*.\n\nThere."
    assert await call(page, "grow", "A paragraph *that* grows", [*rest]) == "A paragraph that"
