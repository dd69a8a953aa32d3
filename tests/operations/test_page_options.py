"""Options that the pages and examples on operations name are options of the program."""

import re
import subprocess
import sys

import pytest
from page_blocks import ROOT

PAGES = ("docs/archives.md", "docs/cron.md", "docs/clusters.md")
EXAMPLES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("cron", "slurm")
    for path in (ROOT / "examples" / folder).iterdir()
    if path.is_file()
)

# Of other programs, by what they belong to.
FOREIGN = {
    "useradd": {"--system", "--home-dir", "--shell"},
    "systemctl": {"--now"},
    "sbatch": {
        "--array", "--cpus-per-task", "--dependency", "--export", "--job-name", "--mem",
        "--open-mode", "--output", "--parsable", "--requeue", "--signal", "--time",
    },
    "dask worker": {"--lifetime", "--lifetime-stagger", "--nthreads", "--nworkers", "--port"},
    "examples/slurm/dask_cluster.py": {
        "--hours", "--jobs", "--memory-gb", "--processes", "--queue", "--show",
    },
}  # fmt: skip


def options_in(text):
    """Long options in a text."""
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text))


@pytest.fixture(scope="module")
def known():
    """Long options of the two commands that pages are about."""
    found = set()
    for command in ("predict", "watch"):
        done = subprocess.run(
            [sys.executable, "-m", "quake_cli", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        found |= options_in(done.stdout)
    return found


@pytest.mark.parametrize("name", [*PAGES, *EXAMPLES])
def test_options_that_are_named_exist(name, known):
    named = options_in((ROOT / name).read_text())
    assert named <= known | set().union(*FOREIGN.values())


def test_no_option_is_listed_as_foreign_in_vain():
    named = set().union(*(options_in((ROOT / name).read_text()) for name in [*PAGES, *EXAMPLES]))
    assert set().union(*FOREIGN.values()) <= named


@pytest.mark.parametrize("name", PAGES)
def test_files_that_a_page_links_to_exist(name):
    page = ROOT / name
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing
