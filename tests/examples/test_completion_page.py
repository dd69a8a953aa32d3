"""docs/completion.md: its commands install what it says, and it names every shell."""

import re
import subprocess
from pathlib import Path

import pytest

from quake_cli.completion import Shell

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "completion.md").read_text(encoding="utf-8")
TABLE = re.findall(r"^\| (\w+)[^|]* \| `quake completion (\w+) > ([^`]+)`", TEXT, re.MULTILINE)


def test_every_shell_has_its_row():
    assert [(shell, word) for shell, word, _ in TABLE] == [(str(s), str(s)) for s in Shell]


def test_the_help_of_the_command_has_the_place_that_the_page_has():
    source = (ROOT / "quake_cli" / "commands" / "completion.py").read_text(encoding="utf-8")
    assert TABLE[0][2] in source


def test_a_new_bash_completes_after_what_the_page_says(tmp_path, environment):
    (block,) = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    ask = "COMP_WORDS=(quake tr); COMP_CWORD=1; _quake; echo ${COMPREPLY[@]}"
    done = _bash(block, tmp_path, environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert _bash(f". ~/.bashrc; {ask}", tmp_path, environment).stdout == "train\n"


def _bash(commands, home, environment):
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env={**environment, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("line", re.findall(r"^quake .*⇥ +.*$", TEXT, re.MULTILINE))
def test_what_is_shown_is_what_bash_offers(line, tmp_path):
    from quake_cli.app import app
    from quake_cli.completion import completion_script

    script = tmp_path / "quake.bash"
    commands = {c.name: c.short_help for c in app.registered_commands}
    script.write_text(completion_script(Shell.BASH, commands))
    typed, shown = re.split(r"⇥ +", line)
    words = typed.replace("=", " = ").split(" ")
    ask = f'. {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _quake; echo ${{COMPREPLY[@]}}'
    done = subprocess.run(
        ["bash", "-c", ask, "-", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    expected = shown.replace("and files", "").split()
    if expected[0] == "quake":  # the line as it becomes
        expected = re.split("[ =]", shown)[-1:]
    assert set(expected) <= set(done.stdout.split())
