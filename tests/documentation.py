"""What the documentation shows to be typed: the commands of its pages, as a shell reads them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "tests/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/decisions").glob("*.md")),
)
PROGRAMS = ("make ", "snakemake ", "python -m darkpool ", "daily.sh ", "workflow/scripts/daily.sh ")
BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


class Command(NamedTuple):
    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def split(text: str) -> list[list[str]]:
    """The words of each command of a text; a quotation may go on in the next line."""
    found, begun = [], ""
    for line in text.splitlines():
        begun += line
        try:
            words = shlex.split(begun, comments=True)
        except ValueError:  # no closing quotation yet
            begun += "\n"
            continue
        begun = ""
        while "&&" in words:
            found.append(words[: words.index("&&")])
            words = words[words.index("&&") + 1 :]
        found.append(words)
    return [words for words in found if words]


def shown(page: Path) -> list[Command]:
    """Commands of a page's shell blocks."""
    text = page.read_text(encoding="utf-8")
    return [Command(page.name, tuple(words)) for _, block in BLOCK.findall(text) for words in split(dedent(block))]


def told(page: Path) -> list[Command]:
    """Commands within a page's sentences; one with a part left open is no command."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    code = [found.replace("\n", " ") for found in INLINE.findall(text)]
    return [
        Command(page.name, tuple(words))
        for line in code
        if line.startswith(PROGRAMS) and not re.search(r"…|<|\b[A-Z]{4,}\b(?!=)", line)
        for words in split(line)
    ]


SHOWN = [command for page in PAGES for command in shown(page)]
TOLD = [command for page in PAGES for command in told(page)]
