"""Hooks of MkDocs: pages that read well on a code host read well in the site, too.

Links into the rest of the repository work on a code host only: the site shows them as names of
files. Code hosts want a backslash before a bar in the code of a table, and Python-Markdown shows
it. The changelog, which lies outside of the folder of documents, becomes a page.
"""

import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]

LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>(?:\.\./)+[^)\s]+)\)")

CODE = re.compile(r"(?<!`)`[^`\n]+`(?!`)")


def on_files(files, config):
    """Add the changelog."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "changelog.md", content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Replace links that lead out of the documents, and bars with a backslash in tables."""
    folder = (Path(config.docs_dir) / page.file.src_uri).parent

    def plain(match):
        target = (folder / match["target"].partition("#")[0]).resolve()
        if target.is_relative_to(config.docs_dir):
            return match[0]
        name = target.relative_to(ROOT).as_posix()
        shown = match["text"].strip("`")
        return f"`{name}`" if name.endswith(shown) else f"{shown} (`{name}`)"

    return "\n".join(_without_backslashes(line) for line in LINK.sub(plain, markdown).split("\n"))


def _without_backslashes(line):
    if not line.startswith("| "):
        return line
    return CODE.sub(lambda code: code[0].replace("\\|", "|"), line)
