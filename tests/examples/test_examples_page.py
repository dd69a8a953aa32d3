"""What docs/examples.md shows of a store is what its commands print."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")


def test_three_readers_print_the_line_that_is_shown(tmp_path, environment):
    for reader in ("pandas", "polars", "duckdb"):
        pytest.importorskip(reader)
    (commands,) = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    shown = re.search(r"```text\n(.*?)```", TEXT, re.DOTALL).group(1)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == 3 * shown
