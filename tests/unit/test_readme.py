"""The README says what the program says."""

from pathlib import Path

import pytest

from darkpool import glossary, settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_columns_are_explained_in_the_words_of_the_page():
    assert glossary.columns_markdown().strip() in README


@pytest.mark.parametrize("terms", [glossary.FLAGS, glossary.STATES])
def test_flags_and_states_are_explained_in_the_words_of_the_page(terms):
    assert glossary.markdown(terms).strip() in README


def test_the_disclaimer_stands_at_the_top():
    assert glossary.DISCLAIMER in README.split("## ")[0].replace("\n> ", " ")


def test_every_promised_make_target_is_there():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test", "run", "latest", "history", "accuracy", "benchmark"):
        assert f"make {target}" in README
        assert f"\n{target}:" in makefile


def test_the_shipped_configuration_is_valid_and_follows_one_session():
    config = settings.load(ROOT / "config.yaml")
    settings.check(config, settings.load(ROOT / "workflow/schemas/config.schema.yaml"))
    assert config["mode"] == "single"
    assert {"emps2", "demo"} == set(config["scans"])
