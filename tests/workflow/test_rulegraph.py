"""The rule graph in the documentation is the workflow's."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO_ONLY = {"simulate_vendors", "simulate_ticks", "simulate_weekly", "simulate_market"}


@pytest.fixture(scope="module")
def rulegraph():
    spec = importlib.util.spec_from_file_location("rulegraph", ROOT / "docs/rulegraph.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_rule_of_the_workflow_is_in_the_graph_and_no_other(rulegraph):
    said = rulegraph.BLOCK.search((ROOT / "docs/architecture.md").read_text())[0]
    named = set(re.findall(r"[a-z]+_[a-z]+", said))
    rules = {
        name
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for name in re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE)
    }
    assert named == rules - DEMO_ONLY | {"draw_plots"}
    assert rules >= DEMO_ONLY


def test_the_graph_is_what_snakemake_draws():
    done = subprocess.run(
        [sys.executable, ROOT / "docs/rulegraph.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_arrows_that_others_imply_are_left_out(rulegraph):
    drawn = "\tid0[a]\n\tid1[b]\n\tid2[draw_plots_demo_2025-12-22]\n\tid0 --> id1\n\tid1 --> id2\n\tid0 --> id2\n"
    assert rulegraph.reduced(rulegraph.read(drawn)) == {"a": {"b"}, "b": {"draw_plots"}, "draw_plots": set()}
