"""deploy/README.md can be followed: its commands are whole, and name what there is."""

import re
import subprocess

import pytest
from django.core.management import get_commands

from tests.server import ROOT

DEPLOY = ROOT / "deploy"
PAGE = (DEPLOY / "README.md").read_text()
BLOCKS = re.findall(r"(?ms)^```sh\n(.*?)^```$", PAGE)
TEMPLATE = (DEPLOY / "nginx/chat.conf.template").read_text()


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][:40])
def test_commands_can_be_read_by_a_shell(block: str) -> None:
    filled = re.sub(r"<(?:this|your|path)[^>\n]*>", "x", block)
    assert not re.search(r"<[a-z ]+ [a-z ]+>", filled), "something else is left to fill in"
    subprocess.run(["sh", "-n"], input=filled, text=True, check=True)


def test_files_that_it_names_are_there() -> None:
    for path in re.findall(r"/srv/chat/app/(deploy/[\w./*-]+)", PAGE):
        assert [*ROOT.glob(path)], path
    copied = re.findall(r"(?m)^cp ([\w. ]+\.conf) /etc", PAGE)
    assert copied
    for name in " ".join(copied).split():
        assert (DEPLOY / "nginx" / name).exists(), name
    for command in re.findall(r"(?:chat-manage|manage\.py) (\w+)", PAGE):
        assert command in get_commands(), command
    for unit in re.findall(r"\b(?:daphne@|chat-)[\w*]*\.(?:service|timer)", PAGE):
        assert (DEPLOY / "systemd" / unit).exists(), unit


def test_all_is_filled_into_the_template() -> None:
    variables = {*re.findall(r"\$\{(\w+)\}", TEMPLATE)}
    wanted = re.findall(r"envsubst '([^']+)'", PAGE + TEMPLATE)
    assert len(wanted) == 2
    assert {*map(frozenset, map(str.split, wanted))} == {frozenset(f"${it}" for it in variables)}
    (export,) = re.findall(r"(?s)\nexport (CHAT_.*?)\nenvsubst", PAGE)
    assert {*re.findall(r"(CHAT_\w+)=", export)} == variables
    assert export.count("max_fails=0;") == 2, "else a restarted process is left out for a while"
