"""The README says what the program says, and what it shows can be typed as it stands."""

import json
import re
import shlex
from datetime import date
from pathlib import Path

import pytest

import session_folders
from darkpool import settings
from darkpool.cli import main
from darkpool.market import sessions
from darkpool.tables import glossary

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_columns_are_explained_in_the_words_of_the_page():
    assert glossary.columns_markdown().strip() in README


@pytest.mark.parametrize("terms", [glossary.FLAGS, glossary.STATES, glossary.STREAKS])
def test_flags_and_states_are_explained_in_the_words_of_the_page(terms):
    assert glossary.markdown(terms).strip() in README


def test_the_disclaimer_stands_at_the_top():
    assert glossary.DISCLAIMER in README.split("## ")[0].replace("\n> ", " ")


def test_every_promised_make_target_is_there():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test", "run", "latest", "history", "accuracy", "benchmark", "doctor", "audit"):
        assert f"make {target}" in README
        assert f"\n{target}:" in makefile


def test_the_shipped_configuration_is_valid_and_puts_ten_sessions_on_a_page():
    config = settings.load(ROOT / "config.yaml")
    settings.check(config, settings.load(ROOT / "workflow/schemas/config.schema.yaml"))
    assert (config["mode"], config["backfill_count"]) == ("daily", 10)
    assert {"emps2", "demo"} == set(config["scans"])


DECEMBER = sessions.between(date(2025, 12, 5), date(2025, 12, 22))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Twelve sessions of three tickers whose log ratio is a hundredth of the day, and a week that FINRA restated."""
    monkeypatch.setattr(session_folders, "TICKERS", ("NA", "SPY", "TQQQ"))
    for day in DECEMBER:
        session_folders.write(tmp_path / "results/emps2", day)
    weeks = tmp_path / "resources/archive/finra/otc_weekly"
    weeks.mkdir(parents=True)
    row = {
        "issueSymbolIdentifier": "TQQQ", "tierIdentifier": "T2", "weekStartDate": "2025-11-17",
        "initialPublishedDate": "2025-12-22", "totalWeeklyTradeCount": 1,
    }  # fmt: skip
    for name, shares, updated in [("2025-11-17", 70, "2025-12-22"), ("2025-11-17@20251230T110000Z", 75, "2025-12-29")]:
        said = [("ATS_W_SMBL", 30), ("OTC_W_SMBL", shares)]
        rows = [
            {**row, "summaryTypeCode": kind, "totalWeeklyShareQuantity": volume, "lastUpdateDate": updated}
            for kind, volume in said
        ]
        (weeks / f"{name}.json").write_text(json.dumps(rows))
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(heading):
    """The command lines of the darkpool module below a heading, as a shell reads them."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    words = iter(shlex.split(blocks, comments=True))
    found, text = [], list(words)
    for i in range(len(text)):
        if text[i : i + 3] == ["python", "-m", "darkpool"]:
            found.append([])
        elif found:
            found[-1].append(text[i])
    return [line[2:] for line in found]


def answer(capsys, *argv):
    """The rows a query prints, split into words."""
    assert main.main(argv) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()[2:]]


def test_every_command_of_the_readme_runs_as_it_stands(project, capsys):
    assert main.main(["rebuild"]) == 0
    asked = commands("Asking the results")
    assert len(asked) == 8
    for argv in asked:
        rest = argv[: argv.index("make")] if "make" in argv else argv
        assert main.main(rest) == 0, rest
        assert capsys.readouterr().out


def test_the_message_can_be_looked_at_and_sent_as_it_stands(project, capsys, monkeypatch):
    monkeypatch.delenv("DARKPOOL_NOTIFY", raising=False)
    shown, sent = commands("Message")
    assert main.main(shown) == 0
    assert glossary.DISCLAIMER in capsys.readouterr().out
    assert main.main(sent) == 0
    assert capsys.readouterr().err == "message: off\n"


def test_the_questions_of_a_new_user_are_answered(project, capsys):
    main.main(["rebuild"])
    capsys.readouterr()
    habit, log_ratio, later = [argv for argv in commands("Asking the results") if argv[0] == "query"]
    most = answer(capsys, *habit)
    assert [row[0] for row in most] == ["TQQQ", "SPY", "NA"]
    assert {row[-1] for row in most} == {str(len(DECEMBER))}
    told = answer(capsys, *log_ratio)
    assert [row[0] for row in told] == [str(day) for day in reversed(DECEMBER[-10:])]
    assert [row[1] for row in told] == [f"{day.day / 100:.4f}" for day in reversed(DECEMBER[-10:])]
    assert [row[-2:] for row in answer(capsys, *later)] == [["100", "2025-12-22"], ["105", "2025-12-29"]]
