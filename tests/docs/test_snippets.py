"""Every command and snippet of README and docs/ runs here or elsewhere, or a list says why not."""

import re

import pytest
from accounts import ADAPTED, NOT_RUN, PREPARED, RUN_BY, SHOWN, SLOW
from fenced_blocks import PROGRAMS, ROOT, SHELL, blocks_of, pages, quake_calls

from quake_cli.app import app
from quake_cli.command import load
from quake_cli.messages import Messages

PAGES = pages()
COMMANDS = {command.name for command in app.registered_commands}
KINDS = {*SHELL, "python", "sql", "text"}

WHAT_TO_DO = (
    "it is not run by test_snippets.py as it stands. Make it run, or enter it in "
    "tests/docs/accounts.py: RUN_BY with the test that runs it, NOT_RUN with the reason, SHOWN if "
    "it is a text but no output; or write <!-- not run: REASON --> above its fence"
)


def entry_for(page, text, lists=(RUN_BY, NOT_RUN, SHOWN)):
    """The first entry about a text of a page, or None."""
    entries = (entry for entries in lists for entry in entries)
    return next((e for e in entries if e.page in ("", page) and e.text in text), None)


def to_run(page, *, slow):
    """Blocks with what of each is to be run now: commands, or a text that must have been shown."""
    ran = False
    for block in blocks_of(page):
        if block.kind == "text":
            if ran and not is_accounted_for(block):
                yield block, [block.text]
            continue
        parts = [part for part in runnable(block) if is_slow(part) == slow]
        ran = bool(parts)
        if parts:
            yield block, parts


def runnable(block):
    """Commands of a block of shell, or what else it is, that are run in this file."""
    if block.reason or entry_for(block.page, block.text, (RUN_BY,)):
        return []
    parts = block.commands if block.kind in SHELL else [block.text]
    return [part for part in parts if entry_for(block.page, part, (RUN_BY, NOT_RUN)) is None]


def is_accounted_for(block):
    """Whether an entry or the page itself says what becomes of all of a block."""
    lists = (RUN_BY, SHOWN) if block.kind == "text" else (RUN_BY,)
    return block.reason is not None or entry_for(block.page, block.text, lists) is not None


def is_slow(text):
    return any(fragment in text for fragment in SLOW)


def has(page, *, slow):
    return any(block.kind != "text" for block, _ in to_run(page, slow=slow))


@pytest.mark.parametrize("page", [page for page in PAGES if has(page, slow=False)])
def test_blocks_of_the_page_run(page, place):
    run_page(page, place, slow=False)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", [page for page in PAGES if has(page, slow=True)])
def test_blocks_of_the_page_that_take_long_run(page, place):
    run_page(page, place, slow=True)


def run_page(page, place, *, slow):
    """Run blocks in their order; compare what is shown after them."""
    if page in PREPARED:
        succeed(place.run(page, PREPARED[page]), page)
    shown = ""
    for block, parts in to_run(page, slow=slow):
        if block.kind in SHELL:
            runs = [place.run(page, part) for part in parts]
            for run in runs:
                succeed(run, block)
            shown = "".join(run.out + run.err for run in runs)
            if block.kind == "console" and len(parts) == len(block.answers):
                for run, answer in zip(runs, block.answers, strict=True):
                    assert_shows(answer, run.out + run.err, block)
        elif block.kind == "python":
            shown = place.python(block).out
        elif block.kind == "sql":
            place.query(block)
        else:
            assert_shows(block.text, shown, block)


def succeed(run, block):
    assert run.status == 0, f"{block}: {run}; {WHAT_TO_DO}"


def assert_shows(expected, shown, block):
    """All lines are in what was shown, in this order; ``...`` stands for anything."""
    rest = shown.splitlines()
    for line in (line.rstrip() for line in expected.splitlines()):
        if line in ("", "..."):
            continue
        pattern = ".*".join(map(re.escape, line.split("...")))
        place = next(
            (i for i, other in enumerate(rest) if re.fullmatch(pattern, other.rstrip())), None
        )
        assert place is not None, f"{block}: {line!r} is not in\n{shown}\n{WHAT_TO_DO}"
        rest = rest[place + 1 :]


# The account ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_each_block_is_of_a_kind_that_is_accounted_for(page):
    for block in blocks_of(page):
        assert block.kind in KINDS or entry_for(page, block.text), (
            f"{block}: a block of {block.kind}; {WHAT_TO_DO}"
        )


@pytest.mark.parametrize("page", PAGES)
def test_each_block_of_text_is_compared_or_accounted_for(page):
    """Compared is what follows a block that is run."""
    compared = {str(block) for slow in (False, True) for block, _ in to_run(page, slow=slow)}
    for block in blocks_of(page):
        if block.kind == "text":
            assert is_accounted_for(block) or str(block) in compared, (
                f"{block}: a text that no command before it shows; {WHAT_TO_DO}"
            )


@pytest.mark.parametrize("page", PAGES)
def test_no_block_of_text_hides_commands(page):
    for block in blocks_of(page):
        first = (block.text.split(maxsplit=1) or [""])[0]
        if block.kind == "text" and first in PROGRAMS:
            assert is_accounted_for(block), f"{block}: commands; write ```bash"


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_is_one_of_a_block(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    fences = re.findall(r"^[ \t]*(?:```|~~~)", text, re.MULTILINE)
    assert len(fences) == 2 * len(blocks_of(page)), f"{page}: a fence that is none of three `"


@pytest.mark.parametrize("entry", RUN_BY, ids=lambda e: f"{e.page}-{e.test}")
def test_a_test_that_runs_blocks_is_there_and_names_the_page(entry):
    if not (ROOT / entry.page).exists():
        pytest.skip(f"{entry.page} is not there")
    name = entry.page.removeprefix("docs/")
    assert name in (ROOT / entry.test).read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", [*NOT_RUN, *SHOWN], ids=lambda e: f"{e.page}-{e.text}")
def test_no_entry_is_about_nothing(entry):
    if not (ROOT / entry.page).exists():
        pytest.skip(f"{entry.page} is not there")
    blocks = (block for page in PAGES if entry.page in ("", page) for block in blocks_of(page))
    assert any(entry.text in block.text for block in blocks)
    assert len(entry[2].split()) > 1


def test_what_is_adapted_is_there():
    for entry in ADAPTED:
        texts = [
            block.text for page in PAGES if page.startswith(entry.page) for block in blocks_of(page)
        ]
        for words in (entry.text, *entry.replaced):
            assert any(words in text for text in texts), entry


def test_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    texts = "".join(block.text for page in PAGES for block in blocks_of(page))
    targets = re.findall(r"^make ([\w-]+)", texts, re.MULTILINE)
    assert targets
    assert set(targets) <= set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_programs_of_the_repository_that_commands_name_exist(page):
    """Also in commands that are not run."""
    for block in blocks_of(page):
        if block.kind in SHELL:
            for name in re.findall(r"(?<![\w/.])(?:tests|benchmarks|docs)/[\w/]+\.py", block.text):
                assert (ROOT / name).is_file(), f"{block}: no {name}"


# Command lines, also of blocks that are run elsewhere or nowhere ---------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_command_lines_are_understood(page):
    """Also those of blocks that are not run."""
    for block in blocks_of(page):
        if block.kind not in SHELL:
            continue
        for call in (call for part in block.commands for call in quake_calls(part)):
            if "..." not in call:
                understand(call, block)


def understand(call, block):
    name, *arguments = (word.replace("$part", "1") for word in call)
    assert name in COMMANDS, f"{block}: no command {name!r}"
    try:
        with load(name).make_context(f"quake {name}", arguments, obj=Messages()):
            pass
    except Exception as error:
        raise AssertionError(f"{block}: quake {' '.join(call)}: {error}") from error


@pytest.mark.parametrize("page", PAGES)
def test_options_in_sentences_and_tables_are_those_of_the_command(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, rest in re.findall(r"`quake ([a-z]+)([^`\n]*)`", text):
        assert name in COMMANDS, f"{page}: no command {name!r}"
        known = {option for p in load(name).params for option in (*p.opts, *p.secondary_opts)}
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", rest)) - {"--help"}
        assert options <= known, f"{page}: quake {name} has no {options - known}"
