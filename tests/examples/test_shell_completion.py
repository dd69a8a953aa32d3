"""Shells complete what the program takes: the scripts run in the shells that are here."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import typer

from quake_cli.app import app
from quake_cli.command import load
from quake_cli.completion import Option, Shell, Value, command_words, completion_script

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {c.name: c.short_help for c in app.registered_commands}
KNOWN = {"backbone": ("b0", "v2_s"), "model": ("b0", "ours"), "start_from": ("b0", "ours")}

# Bash as it calls a completion: the words, of which the last is being typed.
_ASK_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_quake
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The script for each shell, in a file."""
    folder = tmp_path_factory.mktemp("scripts")
    paths = {shell: folder / f"quake.{shell}" for shell in Shell}
    for shell, path in paths.items():
        path.write_text(completion_script(shell, COMMANDS))
    return paths


@pytest.fixture
def bash(scripts, tmp_path):
    """What bash offers for a line that has been typed so far; words as bash breaks them."""
    (tmp_path / "night one.mseed").touch()
    (tmp_path / "archive").mkdir()

    def complete(*words):
        done = _run(
            "bash", "-c", _ASK_BASH, "-", scripts[Shell.BASH], "quake", *words, cwd=tmp_path
        )
        return [line for line in done.stdout.splitlines() if line]

    return complete


def _run(shell, *arguments, **options):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run(
        [shell, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done


def option(name, command="train"):
    words = command_words(command, "", KNOWN)
    (found,) = [option for option in words.options if name in option.names]
    return found


# What there is to complete


def test_an_option_with_choices_has_them():
    assert option("-f", "predict").value.words[:2] == ("table", "csv")
    assert option("-f", "predict").names == ("--format", "-f")
    assert option("--loss").value == Value(("cross-entropy", "focal"))


def test_an_option_of_a_path_takes_paths():
    assert option("--catalogue").value == Value(paths=True)


def test_words_and_paths_of_a_metavar_are_both_offered():
    assert option("--weights").value == Value(("imagenet", "none"), paths=True)
    assert option("--cache").value == Value(("none",), paths=True)


def test_backbones_and_models_are_offered_by_name():
    assert option("--backbone").value == Value(("b0", "v2_s"))
    assert option("--from").value == Value(("b0", "ours"), paths=True)


def test_nothing_is_offered_for_a_number():
    assert option("--epochs").value == Value()


def test_a_flag_takes_no_value():
    assert option("--ignore-split") == Option(
        ("--ignore-split",), option("--ignore-split").help, None, False
    )


def test_an_option_that_may_be_repeated_says_so():
    assert option("--hold-out").repeatable
    assert not option("--epochs").repeatable


def test_a_switch_has_both_its_names():
    assert option("--no-resume", "predict").names == ("--resume", "--no-resume")


# Bash


def test_bash_completes_commands(bash):
    assert bash("pre") == ["predict"]
    assert set(bash("")) == {*COMMANDS, "--help", "--version"}


@pytest.mark.parametrize("name", COMMANDS)
def test_bash_offers_every_option_of_a_command(bash, name):
    command = load(name)
    expected = {
        text
        for parameter in command.get_params(typer.Context(command))
        for text in (*parameter.opts, *parameter.secondary_opts)
        if text.startswith("-")
    }
    assert set(bash(name, "-")) == expected


def test_bash_completes_choices(bash):
    assert bash("predict", "--format", "p") == ["parquet"]
    assert bash("export", "--format", "o") == ["onnx", "openvino"]
    assert bash("predict", "x.mseed", "-f", "j") == ["jsonl"]


def test_bash_completes_a_choice_after_an_equals_sign(bash):
    assert bash("predict", "--format", "=", "p") == ["parquet"]
    assert "csv" in bash("predict", "--format", "=")


def test_bash_completes_backbones(bash):
    assert bash("train", "--backbone", "hybrid-vit-t") == ["hybrid-vit-tiny"]


def test_bash_completes_names_of_files_with_blanks(bash):
    assert bash("predict", "ni") == ["night one.mseed"]
    assert sorted(bash("predict", "--output", "")) == ["archive", "night one.mseed"]


def test_bash_offers_words_before_files(bash):
    offered = bash("train", "--weights", "")
    assert offered[:2] == ["imagenet", "none"]
    assert sorted(offered[2:]) == ["archive", "night one.mseed"]


def test_bash_offers_nothing_for_a_number(bash):
    assert bash("predict", "--overlap", "") == []


def test_bash_offers_nothing_for_what_is_no_command(bash):
    assert bash("predikt", "") == []


def test_bash_completes_a_pressed_tab(scripts, tmp_path):
    """Readline itself, on a terminal: what is typed, a tab, and the end of the line."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    line = f"quake() {{ echo got $* >result; }}; source {scripts[Shell.BASH]}\n"
    _type_into_bash([line, "quake predict --format par\t\n", "exit\n"], tmp_path)
    assert (tmp_path / "result").read_text() == "got predict --format parquet\n"


def _type_into_bash(lines, folder):
    ours, theirs = os.openpty()
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-i"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "HISTFILE": ""},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ):
        os.close(theirs)
        os.write(ours, "".join(lines).encode())
        with suppress(OSError):  # Linux says so when the last process has closed its end
            while os.read(ours, 4096):
                pass
    os.close(ours)


# Zsh and fish


def test_zsh_reads_its_script(scripts):
    _run("zsh", "-n", scripts[Shell.ZSH])


def test_fish_offers_choices_and_no_files_for_them(scripts, tmp_path):
    (tmp_path / "parts").mkdir()
    ask = f"source {scripts[Shell.FISH]}; complete -C 'quake predict --format p'"
    done = _run("fish", "-c", ask, cwd=tmp_path)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["parquet"]


def test_zsh_is_told_each_option_once_in_single_quotes(scripts):
    text = scripts[Shell.ZSH].read_text()
    assert "'(--format" not in text.split("    watch)")[0]  # it may be repeated
    assert "'*--format=[" in text
    assert r"'\''BH?'\''" in text  # a help text with quotation marks in it
    assert text.count("'(--output -o)--output=") == text.count("'(--output -o)-o[")


def test_fish_is_told_of_short_and_long_names(scripts):
    assert " -l output -s o -r -F -d " in scripts[Shell.FISH].read_text()


# The command


def test_the_command_prints_the_script():
    done = subprocess.run(
        [sys.executable, "-m", "quake_cli", "completion", "bash"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == completion_script(Shell.BASH, COMMANDS)


def test_another_shell_is_refused_with_those_that_are_known():
    done = subprocess.run(
        [sys.executable, "-m", "quake_cli", "completion", "tcsh"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "one of bash, zsh, fish was expected" in done.stderr
