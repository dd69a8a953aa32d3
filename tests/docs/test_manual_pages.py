"""docs/man: the pages are what the help of the commands says, and man can show them."""

import shutil
import subprocess
import sys

import pytest
from fenced_blocks import ROOT

from quake_cli.app import app
from quake_cli.command import load

FOLDER = ROOT / "docs" / "man"
NAMES = [command.name for command in app.registered_commands]


@pytest.fixture(scope="module")
def generated():
    sys.path.insert(0, str(ROOT / "docs" / "site"))
    try:
        import generate_man

        return generate_man.pages()
    finally:
        sys.path.remove(str(ROOT / "docs" / "site"))


def test_the_pages_are_what_the_help_says(generated):
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert there.keys() == generated.keys()
    for name, text in generated.items():
        assert there[name] == text, f"{name}: run python docs/site/generate_man.py"


def test_every_command_has_a_page_and_is_on_that_of_the_program(generated):
    assert generated.keys() == {"quake.1", *(f"quake-{name}.1" for name in NAMES)}
    for name in NAMES:
        assert f"quake\\-{name}" in generated["quake.1"]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_on_the_page(generated, name):
    text = generated[f"quake-{name}.1"].replace("\\-", "-")
    for parameter in load(name).params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("-"):
                assert f"\\fB{option}\\fR" in text, option


@pytest.mark.parametrize("name", ["quake", *(f"quake-{name}" for name in NAMES)])
def test_man_shows_the_page_without_complaint(name):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", str(FOLDER / f"{name}.1")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"):
        assert f"\n{heading}\n" in done.stdout


def test_text_that_roff_would_take_for_its_own_is_shown_as_it_is(generated):
    sys.path.insert(0, str(ROOT / "docs" / "site"))
    try:
        from generate_man import _plain
    finally:
        sys.path.remove(str(ROOT / "docs" / "site"))
    assert _plain(".SH x") == "\\&.SH x"
    assert _plain("a\\b -c") == "a\\eb \\-c"
