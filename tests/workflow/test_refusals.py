"""What cannot be done is refused before the first job, in one line that says what was given and what is allowed."""

import os
import subprocess

import pytest

import documentation
from projects import BIN

MORNING = "2025-12-23T06:00:00-05:00"


@pytest.fixture(scope="module")
def refuse(copy_project, tmp_path_factory):
    """Run a target that must be refused; returns what was said."""
    project = copy_project(tmp_path_factory.mktemp("refusals"))

    def run(target, config=None, now=MORNING, made=()):
        for name, content in dict(made).items():
            path = project.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o600)
            path.write_text(content)
        run = project.run(target, config=config, DARKPOOL_NOW=now)
        for name in dict(made):
            (project.root / name).unlink()
        assert run.code == 1, run.said
        assert not run.rules
        around = [words for words in ('File "', "in file", "Wildcards:", "Traceback") if words in run.said]
        assert not around, f"Snakemake's words around what is wrong with the request: {run.said}"
        assert not list(project.root.glob("resources/**/*.*"))
        return run

    return run


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2025-12-21", "2025-12-21 (Sunday) is no XNYS session; the previous session is 2025-12-19"),
        ("2025-01-09", "2025-01-09 (Thursday) is no XNYS session; the previous session is 2025-01-08"),
        ("2025-12-24", "2025-12-24 lies in the future; the previous session is 2025-12-22"),
        ("2025-12-23", "session 2025-12-23 has not ended (it closes at 2025-12-23 21:00 UTC); the previous session is"),
        ("2025-02-30", "'2025-02-30' is no date of the form YYYY-MM-DD"),
    ],
    ids=["weekend", "day of mourning", "future", "not ended", "no date"],
)
def test_a_day_without_a_finished_session_is_refused_and_the_previous_one_named(refuse, day, said):
    run = refuse(f"results/emps2/{day}/all")
    assert [line for line in run.lines if said in line], run.said


def test_a_session_is_refused_until_its_early_close_and_not_after(refuse):
    target = "results/emps2/2025-12-24/all"
    closes = "session 2025-12-24 has not ended (it closes at 2025-12-24 18:00 UTC)"
    assert closes in refuse(target, now="2025-12-24T12:59:00-05:00").said
    after = refuse(target, now="2025-12-24T13:01:00-05:00", config={"mode": "nonsense"})
    assert "has not ended" not in after.said


EMPS2 = {"archive": "resources/archive", "tickers": ["AAPL"]}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"historie": {"ma": 3}}, ["unknown key historie", "allowed are", "history"]),
        ({"lit": {"methode": "tick"}}, ["lit: unknown key methode", "method"]),
        ({"history": {"ma": "twenty"}}, ["history.ma", '"twenty"', "type integer"]),
        ({"mode": "hourly"}, ["mode", '"hourly"', "single"]),
        ({"history": {"ma": 5, "min_sessions": 6}}, ["history.min_sessions: 6 was given, at most history.ma = 5"]),
        ({"scans": {"emps2": {"tickers": [True]}}}, ["scans.emps2.tickers[0]", "put it in quotes"]),
        ({"scans": {"emps3": {"archive": "resources/demo", "tickers": ["A"]}}}, ["simulated archive of the scan demo"]),
        ({"scans": {"emps3": {"archive": "./resources/x/../demo"}}}, ["simulated archive of the scan demo"]),
        ({"scans": {"emps2": {"tickers": [], "universe": []}}}, ["the universe is empty", "scans.emps2.tickers"]),
    ],
    ids=[
        "unknown key",
        "unknown inner key",
        "wrong type",
        "unknown mode",
        "keys that contradict",
        "unquoted TRUE",
        "archive of the demo",
        "archive of the demo, spelt otherwise",
        "empty universe",
    ],
)
def test_a_configuration_that_cannot_be_used_names_the_key_and_what_is_allowed(refuse, config, said):
    run = refuse("results/emps2/2025-12-22/all", config)
    assert [line for line in run.lines if all(words in line for words in said)], run.said


def test_a_scans_file_without_the_column_is_refused_with_the_columns_it_has(refuse):
    name = "results/emps2/2025-12-22/08_phase2_alerts.csv"
    run = refuse("results/emps2/2025-12-22/all", made={name: "name,price\nAAPL,270\n"})
    assert [
        line for line in run.lines if name in line and "no column ticker or symbol" in line and "name, price" in line
    ]


@pytest.mark.parametrize(
    ("day", "files", "said"),
    [
        ("2025-12-22", ["FNSQ"], "FNSQ without FNYX, FNQC is a part of the off-exchange volume of 2025-12-22"),
        ("2018-09-10", ["FNSQ", "FNYX", "FORF"], "FNSQ, FNYX without FNQC is a part of the off-exchange volume"),
        ("2025-12-22", ["FNRA"], "from 2018-09-10 on [CNMS], [FNSQ, FNYX, FNQC] (with FNRA or without) and [FORF]"),
        (
            "2018-07-31",
            ["CNMS"],
            "FINRA has no CNMS file of 2018-07-31: they begin on 2018-08-01; its files FNSQ, FNYX",
        ),
        ("2009-07-31", ["FNSQ", "FNYX"], "FINRA has no FNSQ file of 2009-07-31: they begin on 2009-08-03"),
    ],
)
def test_files_that_are_no_whole_or_never_were_are_refused(refuse, day, files, said):
    for offline in (False, True):
        run = refuse(f"results/emps2/{day}/all", {"finra": {"files": files}, "mode": "single", "offline": offline})
        assert [line for line in run.lines if said in line], run.said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("receipts/finra/2025-12-22.json", '{"files": []}', "files is an array, expected an object; delete it"),
        ("receipts/finra/2025-12-22.json", '{"files": {"x": null}}', "files.x is null, expected an entry; delete it"),
        (
            "receipts/yahoo/2025-12-22.json",
            '{"tickers": {"A": {"state": 1}}}',
            "tickers.A.state is '1', expected one of",
        ),
        ("receipts/polygon/2025-12-22.json", '{"tickers": {"AAPL": []}}', "tickers.AAPL is an array, expected"),
        ("receipts/finra_weekly/2025-12-22.json", '{"weeks": null}', "weeks is null, expected an object; delete it"),
    ],
)
def test_a_receipt_that_somebody_edited_is_told_with_its_file(refuse, name, content, said):
    config = {"scans": {"emps2": EMPS2}, "finra": {"weekly": True}, "mode": "single"}
    path = f"{EMPS2['archive']}/{name}"
    run = refuse("results/emps2/2025-12-22/all", config, made={path: content})
    assert any(path in line and said in line for line in run.lines), run.said


def test_an_answer_whose_name_carries_an_impossible_moment_is_told_with_its_file(refuse):
    path = f"{EMPS2['archive']}/finra/regsho/CNMSshvol20251222@20251399T110000Z.txt"
    run = refuse("results/emps2/2025-12-22/all", {"scans": {"emps2": EMPS2}, "offline": True}, made={path: "x"})
    told = f"{path}: its name carries 20251399T110000Z, which is no moment; expected NAME@YYYYMMDDTHHMMSSZ.EXT"
    assert any(told in line for line in run.lines), run.said


def test_a_refusal_that_repeats_a_file_steers_no_terminal(refuse):
    made = {"results/emps2/2025-12-22/05_volatility_filtered.csv": "name\x1b[2J,\x07price\n"}
    run = refuse("results/emps2/2025-12-22/all", made=made)
    assert any(r"the columns are name\x1b[2J, \x07price" in line for line in run.lines), run.said
    assert not set(run.said) & {"\x1b", "\x07"}


def test_a_line_of_the_env_file_that_means_nothing_is_a_warning_without_its_content(refuse):
    run = refuse("results/emps2/2025-12-21/all", made={".env": "POLYGON_API_KEY: abcdef123456\n"})
    assert run.said.count("warning: .env, line 1 means nothing; expected NAME=value") == 1
    assert "abcdef123456" not in run.said


def test_a_scan_that_is_not_configured_is_refused(refuse):
    assert "results/emps9/2025-12-22/all" in refuse("results/emps9/2025-12-22/all").said


TARGET = "results/emps2/2025-12-22/all"
SAID_BY_SNAKEMAKE = {
    f"--configfile my.yaml {TARGET}": "FileNotFoundError: [Errno 2] No such file or directory: 'results/…/all'",
    f"--config mode=single {TARGET}": "Config entries have to be defined as name=value pairs",
    f"--configfile broken.yaml -- {TARGET}": "Config file is not valid JSON or YAML",
    f"--directory . {TARGET}": "Error: No Snakefile found",
}
"""What a slip on the command line ends with before anything of this project is read, as troubleshooting has it."""
BROKEN = "mode: single\nhistory: {ma: 3\nlit: {}\n"


@pytest.fixture(scope="module")
def slip(copy_project, tmp_path_factory):
    """Types a command in a project's folder, or one below it; what was said."""
    project = copy_project(tmp_path_factory.mktemp("slips"))
    (project.root / "my.yaml").write_text("backfill_count: 5\n")
    (project.root / "broken.yaml").write_text(BROKEN)
    (project.root / "below").mkdir()

    def type_in(*words, folder="."):
        path = os.pathsep.join([str(BIN), os.environ["PATH"]])
        done = subprocess.run(
            [str(BIN / words[0]), *words[1:]], cwd=project.root / folder, env=project.environment(PATH=path),
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 1
        return done.stdout + done.stderr

    type_in.root = project.root
    return type_in


@pytest.mark.parametrize(("typed", "message"), SAID_BY_SNAKEMAKE.items(), ids=str)
def test_a_slip_that_snakemake_answers_itself_is_looked_up_by_its_own_words(slip, typed, message):
    said = slip("snakemake", "--cores", "1", *typed.split(), folder="below" if "--directory" in typed else ".")
    assert message.replace("results/…/all", TARGET) in said
    assert f"`{message}`" in (documentation.ROOT / "docs/troubleshooting.md").read_text()


def test_a_broken_file_of_ones_own_is_told_with_its_line_by_the_doctor(slip):
    said = slip("python", "-m", "darkpool", "doctor", "--offline", "--config", "broken.yaml")
    assert "broken.yaml, line 3: not readable as YAML: while parsing a flow mapping: expected ',' or '}'" in said


def test_a_broken_configuration_is_told_with_its_line(slip):
    kept = (slip.root / "config.yaml").read_text()
    (slip.root / "config.yaml").write_text(BROKEN)
    try:
        said = slip("snakemake", "--cores", "1", TARGET)
    finally:
        (slip.root / "config.yaml").write_text(kept)
    assert "Refused:\nconfig.yaml, line 3: not readable as YAML: while parsing a flow mapping" in said
    assert 'File "' not in said


def test_a_target_that_is_there_and_was_taken_for_a_configuration_is_named(slip):
    (slip.root / TARGET).parent.mkdir(parents=True, exist_ok=True)
    (slip.root / TARGET).write_text("{}")
    said = slip("snakemake", "--cores", "1", "--configfile", "my.yaml", TARGET)
    assert f"{TARGET} was taken for a configuration" in said
