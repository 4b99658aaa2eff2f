"""`manage.py assistant` makes and changes assistants, and refuses what is wrong in one line."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chat.models import Assistant

pytestmark = pytest.mark.django_db

EVERYTHING = {
    "name": "Llama the first",
    "kind": "openai",
    "audience": "staff",
    "base_url": "http://localhost:8080/v1",
    "model": "llama3.2",
    "key_variable": "MODELS_KEY",
    "system": "Be brief.\nBe kind.",
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 500,
    "stop": "END\nSTOP",
    "context_budget": 4000,
    "connect_timeout": 5.0,
    "first_timeout": 60.0,
    "silence_timeout": 30.0,
}
BARE = {"on": False, "prefill": False, "paced": False, "default": False, "shows_images": False}
KEY = "sk-proj-0123456789abcdefXYZ"


def manage(*arguments: str) -> str:
    """Run the command in this process; return what it printed."""
    out = StringIO()
    call_command("assistant", *arguments, stdout=out)
    return out.getvalue()


def refusal(*arguments: str) -> str:
    """Return how the command is refused, which has to be one line."""
    with pytest.raises(CommandError) as refused:
        manage(*arguments)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def stored(slug: str = "llama") -> dict[str, Any]:
    found: dict[str, Any] = Assistant.objects.filter(slug=slug).values(*EVERYTHING, *BARE).get()
    return found


def make_everything() -> str:
    given = {name.replace("_", "-"): value for name, value in EVERYTHING.items()}
    del given["stop"]
    options = [f"--{name}={value}" for name, value in given.items()]
    return manage("llama", *options, "--stop=END", "--stop=STOP", *OFF)


OFF = ("--off", "--no-prefill", "--at-once", "--no-images")


def test_assistant_is_created_with_all_that_is_given() -> None:
    assert make_everything() == "created the assistant 'llama'\n"
    assert stored() == {**EVERYTHING, **BARE}


def test_assistant_is_created_with_sensible_defaults() -> None:
    said = manage("the-llama", "--kind", "ollama", "--model", "llama3.2")
    assert said == "created the assistant 'the-llama'\n"
    made = Assistant.objects.get(slug="the-llama")
    assert (made.name, made.base_url, made.key_variable) == ("The llama", "", "")
    assert (made.on, made.default, made.audience, made.fallback) == (True, False, "everyone", None)
    assert (made.temperature, made.prefill, made.paced) == (None, None, True)


@pytest.mark.parametrize("kind", ["scripted", "openai", "ollama", "anthropic"])
def test_every_kind_is_known(kind: str) -> None:
    manage("it", "--kind", kind, *([] if kind == "scripted" else ["--model", "m"]))
    assert Assistant.objects.get(slug="it").kind == kind


CHANGES = [
    (["--name", "L"], {"name": "L"}),
    (["--kind", "ollama"], {"kind": "ollama"}),
    (["--audience", "accounts"], {"audience": "accounts"}),
    (["--base-url", ""], {"base_url": ""}),
    (["--model", "m"], {"model": "m"}),
    (["--key-variable", ""], {"key_variable": ""}),
    (["--system", ""], {"system": ""}),
    (["--temperature", "0"], {"temperature": 0}),
    (["--temperature", ""], {"temperature": None}),
    (["--top-p", ""], {"top_p": None}),
    (["--max-tokens", "7"], {"max_tokens": 7}),
    (["--max-tokens", ""], {"max_tokens": None}),
    (["--stop", "a b"], {"stop": "a b"}),
    (["--stop", ""], {"stop": ""}),
    (["--prefill"], {"prefill": True}),
    (["--paced"], {"paced": True}),
    (["--images"], {"shows_images": True}),
    (["--context-budget", "100"], {"context_budget": 100}),
    (["--connect-timeout", "0.1"], {"connect_timeout": 0.1}),
    (["--first-timeout", "3600"], {"first_timeout": 3600}),
    (["--silence-timeout", "1"], {"silence_timeout": 1}),
]


@pytest.mark.parametrize(("options", "changed"), CHANGES, ids=[" ".join(o) for o, _ in CHANGES])
def test_update_leaves_what_is_not_given(options: list[str], changed: dict[str, Any]) -> None:
    make_everything()
    assert manage("llama", *options, "--off") == "updated the assistant 'llama'\n"
    assert stored() == {**EVERYTHING, **BARE, **changed}


def test_without_off_it_is_on() -> None:
    make_everything()
    manage("llama")
    assert stored() == {**EVERYTHING, **BARE, "on": True}


def test_new_default_takes_it_from_the_former_and_keeps_it() -> None:
    manage("llama", "--kind", "ollama", "--model", "m", "--default")
    manage("llama", "--name", "L")
    assert Assistant.objects.get(default=True).slug == "llama"
    manage("assistant", "--default")
    assert Assistant.objects.get(default=True).slug == "assistant"


def test_fallback_is_given_and_taken_away() -> None:
    manage("llama", "--kind", "ollama", "--model", "m", "--fallback", "assistant")
    manage("llama", "--name", "L")
    fallback = Assistant.objects.get(slug="llama").fallback
    assert fallback
    assert fallback.slug == "assistant"
    manage("llama", "--fallback", "")
    assert Assistant.objects.get(slug="llama").fallback is None


def test_new_one_needs_a_kind() -> None:
    assert refusal("llama", "--model", "m") == (
        "there is no assistant 'llama' yet, and a new one needs --kind"
    )


BAD = [
    (["--kind", "parrot"], "--kind"),
    (["--name", " "], "name: The name must not be blank."),
    (["--name", ""], "name: This field cannot be blank."),
    (["--name", "x" * 81], "name: Ensure this value has at most 80 characters"),
    (["--name", "a\udcffb"], "name: The text must not contain U+DCFF."),
    (["--audience", "nobody"], "--audience"),
    (["--model", ""], "model: Name the model that is to answer."),
    (["--model", "x" * 201], "model: Ensure this value has at most 200"),
    (["--base-url", "localhost"], "base-url: The address must begin with http://"),
    (["--base-url", "http://169.254.169.254/"], "base-url: This address is link-local"),
    (["--base-url", "http://[::ffff:169.254.169.254]/"], "base-url: This address is link-local"),
    (["--key-variable", KEY], "key-variable: Give the name of an environment variable"),
    (["--key-variable", "REDIS_URL"], "key-variable: This variable holds another secret"),
    (["--system", "x" * 100_001], "system: Give at most 100,000 characters."),
    (["--system", "\x00"], "system: The text must not contain U+0000."),
    (["--temperature", "hot"], "--temperature: invalid float value: 'hot'"),
    (["--temperature", "nan"], "temperature: Give a number."),
    (["--temperature", "inf"], "temperature: Ensure this value is less than or equal to 2"),
    (["--top-p", "-1"], "top-p: Ensure this value is greater than or equal to 0"),
    (["--max-tokens", "0"], "max-tokens: Ensure this value is greater than or equal to 1"),
    (["--max-tokens", "1.5"], "--max-tokens: invalid int value"),
    (["--stop", "x" * 101], "stop: Give at most 4"),
    ([f"--stop={n}" for n in range(5)], "stop: Give at most 4"),
    (["--context-budget", "1"], "context-budget: Ensure"),
    (["--connect-timeout", "nan"], "connect-timeout: Give a number."),
    (["--first-timeout", "0"], "first-timeout: Ensure"),
    (["--silence-timeout", "inf"], "silence-timeout: Ensure"),
    (["--fallback", "nobody"], "fallback: there is no assistant 'nobody'"),
]


@pytest.mark.parametrize(("options", "told"), BAD, ids=[f"{' '.join(o):.30}" for o, _ in BAD])
def test_what_is_wrong_is_told_and_nothing_changed(options: list[str], told: str) -> None:
    make_everything()
    for slug in ("llama", "new"):
        said = refusal(slug, "--kind=ollama", "--model=m", *options)
        assert told in said
        assert KEY not in said
    assert stored() == {**EVERYTHING, **BARE}
    assert not Assistant.objects.filter(slug="new").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no slug", "--kind=scripted"], "slug: Enter a valid “slug”"),
        (["llama", "--fallback=llama"], "fallback: This leads back to where it began"),
        (["assistant", "--off"], "on: The default must be on. Make another one the default first."),
        (["assistant", "--audience=staff"], "audience: The default is for everyone."),
        (["assistant", "--fallback=llama"], "Assistant → Llama the first → Assistant."),
    ],
)
def test_what_does_not_fit_together_is_told(arguments: list[str], told: str) -> None:
    make_everything()
    manage("llama", "--audience=everyone", "--fallback=assistant")
    assert told in refusal(*arguments)
    assert Assistant.objects.get(default=True).slug == "assistant"


def test_all_faults_are_told_at_once() -> None:
    said = refusal("llama", "--kind=openai", "--base-url=nonsense", "--top-p=3")
    assert {part.partition(":")[0] for part in said.split("; ")} == {"top-p", "base-url", "model"}


def test_help_tells_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        manage("--help")
    told = capsys.readouterr().out
    others = ("off", "default", "fallback", "no-prefill", "at-once", "paced", "images")
    for name in (*EVERYTHING, *others):
        assert f"--{name.replace('_', '-')}" in told
