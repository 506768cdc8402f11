"""The rule graph in docs/architecture.md, Snakemake's own: `make rulegraph` writes it, --check says whether it is true.

Arrows that others imply are left out, and so are Snakemake's colours; `draw_plots` has one name for all sessions.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/architecture.md"
BLOCK = re.compile(r"```mermaid\nflowchart LR\n.*?```\n", re.DOTALL)
SESSION = "2025-12-22"
TARGETS = [f"results/emps2/{SESSION}/all", f"results/emps2/{SESSION}/.history.json", "results/emps2/index.html"]
Edges = dict[str, set[str]]


def drawn() -> str:
    """What Snakemake draws of a live session in mode weekly, which has every rule, where nothing is there yet.

    With all that may be asked for switched on, and a key that nobody is sent.
    """
    command = [Path(sys.executable).parent / "snakemake", "--cores", "1", "--snakefile", ROOT / "Snakefile"]
    command += ["--rulegraph", "mermaid-js", "--configfile", ROOT / "config.yaml", "all.yaml", "--", *TARGETS]
    environment = os.environ | {
        "FETCH_MODE": "weekly", "DARKPOOL_NOW": "2025-12-23T12:00:00-05:00", "POLYGON_API_KEY": "drawn",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as empty:
        Path(empty, "all.yaml").write_text("study: {grouped: true}\n", encoding="utf-8")
        done = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"snakemake --rulegraph ended {done.returncode}:\n{done.stderr}")
    return done.stdout


def read(text: str) -> Edges:
    """Every rule with those that need what it makes."""
    names = {
        key: re.sub(r"_[a-z0-9]+_\d{4}-\d{2}-\d{2}$", "", name)
        for key, name in re.findall(r"^\s*(id\d+)\[(.+)\]$", text, re.MULTILINE)
    }
    edges: Edges = {name: set() for name in names.values()}
    for source, target in re.findall(r"^\s*(id\d+) --> (id\d+)$", text, re.MULTILINE):
        edges[names[source]].add(names[target])
    return edges


def reduced(edges: Edges) -> Edges:
    """Without the arrows that longer ways imply."""
    further: Edges = defaultdict(set)

    def beyond(name: str) -> set[str]:
        if name not in further:
            further[name] = set().union(*({target} | beyond(target) for target in edges[name]))
        return further[name]

    return {name: targets - set().union(*(beyond(target) for target in targets)) for name, targets in edges.items()}


def block(edges: Edges) -> str:
    arrows = [f"    {source} --> {target}" for source in sorted(edges) for target in sorted(edges[source])]
    return "\n".join(["```mermaid", "flowchart LR", *arrows, "```", ""])


def main(arguments: list[str]) -> int:
    page = PAGE.read_text(encoding="utf-8")
    said = BLOCK.search(page)
    true = block(reduced(read(drawn())))
    if said is None:
        sys.exit(f"{PAGE.name}: no block that begins with ```mermaid and flowchart LR")
    if "--check" in arguments:
        if said[0] != true:
            print(f"{PAGE.name}: the rule graph is not the workflow's; make rulegraph writes it anew", file=sys.stderr)
        return int(said[0] != true)
    PAGE.write_text(BLOCK.sub(lambda _: true, page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
