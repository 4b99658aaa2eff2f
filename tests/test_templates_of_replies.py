"""The text of a scripted reply has a few variables, and nothing else in braces means anything."""

import pytest

from chat.assistants.template import LONGEST, VARIABLES, TemplateError, check, render

VALUES = {"message": "how are you?", "name": "Alice", "date": "May 4, 2026", "time": "noon"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello from server!", "Hello from server!"),
        ("", ""),
        ("Hello {name}!", "Hello Alice!"),
        ("{name}{name}", "AliceAlice"),
        ("You wrote: {message}", "You wrote: how are you?"),
        ("It is {time} on {date}.", "It is noon on May 4, 2026."),
        ("{{name}}", "{name}"),
        ("{{{name}}}", "{Alice}"),
        ("{{{{", "{{"),
        ("}}}}", "}}"),
        ('{{"a": {{}}}}', '{"a": {}}'),
        ("{{0}} {{!r}}", "{0} {!r}"),
        ("100 % $name \\n %(name)s", "100 % $name \\n %(name)s"),
        ("one\n{name}\r\ntwo", "one\nAlice\r\ntwo"),
        ("👩‍👩‍👧‍👦{name}e\u0301", "👩‍👩‍👧‍👦Alicee\u0301"),
    ],
)
def test_variables_are_replaced(text: str, expected: str) -> None:
    check(text)
    assert render(text, VALUES) == expected


@pytest.mark.parametrize(
    "value",
    ["{name}", "{{name}}", "{", "}}", "{message.__class__}", "{0}", "%s", "\\", "<b>"],
)
def test_what_somebody_wrote_is_never_read_as_a_template(value: str) -> None:
    assert render("You wrote {message}.", {**VALUES, "message": value}) == f"You wrote {value}."


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("{nmae}", "There is no variable {nmae}."),
        ("{Name}", "There is no variable {Name}."),
        ("{0}", "There is no variable {0}."),
        ("{__class__}", "There is no variable {__class__}."),
        ("{имя}", "There is no variable {имя}."),
        ("{}", "A lone {: write {{"),
        ("{ name }", "A lone {: write {{"),
        ("{name", "A lone {: write {{"),
        ("name}", "A lone }: write }}"),
        ("{name}}", "A lone }: write }}"),
        ("{{name}", "A lone }: write }}"),
        ("{{{name}}", "A lone }: write }}"),
        ("{na{name}me}", "A lone {: write {{"),
        ("{name.__class__}", "A lone {: write {{"),
        ("{name[0]}", "A lone {: write {{"),
        ("{!r}", "A lone {: write {{"),
        ("{name!r}", "A lone {: write {{"),
        ("{message:>100}", "A lone {: write {{"),
        ("{message:>1000000000}", "A lone {: write {{"),
        ("{name\n}", "A lone {: write {{"),
        ("Fine {name}, then {oops}", "There is no variable {oops}."),
    ],
)
def test_anything_else_in_braces_is_refused(text: str, mend: str) -> None:
    for read in (check, lambda text: render(text, VALUES)):
        with pytest.raises(TemplateError) as refused:
            read(text)
        assert str(refused.value).startswith(mend)
        assert all(f"{{{name}}}" in str(refused.value) for name in VARIABLES), "tells what there is"


def test_expansion_is_cut_off() -> None:
    text = "{message}" * 10_000
    check(text)
    cut = render(text, {**VALUES, "message": "0123456789" * 3_200})
    assert len(cut) == LONGEST
    assert cut == ("0123456789" * (LONGEST // 10))


def test_text_of_the_greatest_length_is_kept_whole() -> None:
    assert render("x" * LONGEST, VALUES) == "x" * LONGEST
    assert render("x" * (LONGEST - 5) + "{name}", VALUES).endswith("xAlice")
    assert render("x" * (LONGEST - 4) + "{name}", VALUES).endswith("xAlic")
