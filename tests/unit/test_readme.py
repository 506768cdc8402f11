"""The documentation says what the program says, every link leads somewhere, and every command in it is one."""

import importlib.util
import json
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

import darkpool
import documentation
import session_folders
from darkpool import settings
from darkpool.cli import main
from darkpool.market import sessions
from darkpool.morning import wrapper_arguments
from darkpool.session import files
from darkpool.tables import contracts, glossary
from documentation import PAGES, SHOWN, TOLD, Command
from unit.measures.test_trust import DAYS
from unit.test_wings import GROUND, WINGS

ROOT = documentation.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "workflow/scripts/darkpool"
WRITTEN = (*PAGES, ROOT / "CHANGELOG.md")
MOST_LINES = 160


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_is_for_the_first_hour():
    assert README.count("\n") <= MOST_LINES
    assert glossary.DISCLAIMER in README.split("## ")[0].replace("\n> ", " ")


def test_whoever_has_no_key_is_told_at_the_top_what_that_costs():
    top = README.split("## ")[0]
    assert "Without a key" in top
    assert {"bars_only", "no_lit"} <= set(re.findall(r"`(\w+)`", top)) <= set(glossary.FLAGS)


def test_tables_that_the_program_can_say_are_what_it_says(generate):
    assert [page.name for page in generate.old()] == [], "make docs writes them"


def test_every_part_stands_on_a_page_and_every_code_in_a_part(generate):
    text = "".join(page.read_text() for page in WRITTEN)
    assert set(re.findall(r"<!-- begin ([a-z-]+) -->", text)) == set(generate.PARTS)
    for terms in (glossary.FLAGS, glossary.STATES, glossary.STREAKS):
        assert glossary.markdown(terms).strip() in text
    for name, contract in contracts.CONTRACTS.items():
        assert f"### `{name}`\n\nVersion {contract.version};" in text
    for file in files.FILES:
        assert file.path.startswith(".") or f"| `{file.path}` |" in text


def test_a_page_whose_table_is_old_is_named_and_written_anew(generate, tmp_path, monkeypatch, capsys):
    page = tmp_path / "flags.md"
    page.write_text("# Flags\n\n<!-- begin flags -->\n| old |\n<!-- end flags -->\n\nAfter.\n")
    monkeypatch.setattr(generate, "PAGES", (page,))
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "flags.md" in capsys.readouterr().err
    assert generate.main([]) == 0
    text = page.read_text()
    assert text.startswith("# Flags\n\n<!-- begin flags -->\n| code |")
    assert text.endswith("<!-- end flags -->\n\nAfter.\n")
    assert generate.main(["--check"]) == 0


def test_every_key_of_the_configuration_is_on_its_page():
    schema = settings.load(ROOT / "workflow/schemas/config.schema.yaml")
    text = (ROOT / "docs/configuration.md").read_text()

    def keys(entries, path):
        for key, entry in entries.items():
            yield from keys(entry["properties"], f"{path}{key}.") if "properties" in entry else [path + key]

    named = {f"scans.<scan>.{key}" for key in schema["$defs"]["scan"]["properties"]}
    for key in named | set(keys(schema["properties"], "")) - {"scans"}:
        assert f"\n| `{key}` |" in text, key


def anchors(page):
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page):
    text = page.read_text(encoding="utf-8")
    return [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'src="([^"]+)"', text)]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_link_leads_to_something(page):
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        to = page.parent / path if path else page
        assert to.exists(), link
        assert not anchor or anchor in anchors(to), link


def test_every_page_can_be_reached_from_the_readme():
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        beyond = {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if ".md" in link}
        ahead += sorted(beyond - reached)
    assert set(WRITTEN) <= reached


def test_lines_fit_an_editor():
    for page in WRITTEN:
        for line in re.sub(
            r"^```\n.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
        ).splitlines():
            assert len(line) <= 130 or line.startswith(("|", "<p>")) or "](" in line, (page.name, line)


def test_the_bands_of_the_real_days_are_those_that_the_product_is_held_against():
    """Per cent of the off-exchange volume, beside the rest of the day's row."""
    rows = re.findall(
        r"^\| (\d{4}-\d\d-\d\d) \| (\w+) \| .+ \| ([\d.]+) to ([\d.]+) % \|$",
        (ROOT / "docs/method.md").read_text(),
        re.MULTILINE,
    )
    said = {(ticker, day): (low, high) for day, ticker, low, high in rows}
    assert said == {key: (f"{100 * low:.1f}", f"{100 * high:.1f}") for key, (*_, low, high) in DAYS.items()}


# Where things are -------------------------------------------------------------------------------------------------


def test_every_file_that_a_page_names_is_there():
    """A path with a folder, as the package or the project knows it; what a run makes is not there yet."""
    made = ("results/", "resources/", "plots/", "logs/", "receipts/", "rejected/", ".venv/")
    for page in PAGES:
        for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|csv|yaml|smk|sh|md|js|css))`", page.read_text()):
            if not name.startswith(made):
                assert (ROOT / name).exists() or (PACKAGE / name).exists(), (page.name, name)


def test_the_table_of_the_wings_has_each_in_its_place_and_what_to_begin_with():
    rows = re.findall(r"^\| `(\w+)/` \| .+ \| (.+) \|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    assert [GROUND, *(wing for wing, _ in rows)] == list(WINGS)
    for wing, begin in rows:
        for name in re.findall(r"`([^`]+)`", begin):
            assert (PACKAGE / wing / name).exists(), (wing, name)


# Versions ---------------------------------------------------------------------------------------------------------


def test_the_version_is_the_newest_one_of_the_changes_and_each_has_its_day():
    heads = re.findall(r"^## (.+)$", CHANGES, re.MULTILINE)
    said = [re.fullmatch(r"(\d+\.\d+\.\d+), (\d{4}-\d{2}-\d{2})", head) for head in heads]
    assert all(said), heads
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert said[0][1] == project["version"] == darkpool.__version__
    days = [date.fromisoformat(found[2]) for found in said]
    assert days == sorted(days, reverse=True)


def test_every_version_of_a_contract_has_a_note_for_who_upgrades():
    for name, contract in contracts.CONTRACTS.items():
        for version in range(2, contract.version + 1):
            notes = re.findall(rf"^\| `{name}` \| {version} \| (.+) \|$", CHANGES, re.MULTILINE)
            assert len(notes) == 1, (name, version)
            for column in contract.columns:
                assert column.since != version or f"`{column.field.name}`" in notes[0], (name, column.field.name)


# Commands ---------------------------------------------------------------------------------------------------------


def test_commands_are_read_as_a_shell_reads_them():
    text = "touch .env && chmod 600 .env\nquery 'a\nb' # what for\n\n# a question\nmake demo\n"
    words = [["touch", ".env"], ["chmod", "600", ".env"], ["query", "a\nb"], ["make", "demo"]]
    assert documentation.split(text) == words


def test_the_pages_show_commands_of_every_kind():
    first = {command.words[0] for command in SHOWN}
    assert first == {"make", "snakemake", "python", "workflow/scripts/daily.sh", "touch", "chmod", "echo", "export"}
    assert len(TOLD) >= 20


@pytest.mark.parametrize("command", sorted({*SHOWN, *TOLD}), ids=str)
def test_every_command_is_one(command: Command, tmp_path, monkeypatch):
    (tmp_path / "my.yaml").write_text("backfill_count: 5\n")
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    program, *words = command.words
    match Path(program).name:
        case "make":
            targets = [word for word in words if "=" not in word]
            makefile = (ROOT / "Makefile").read_text()
            assert targets
            assert all(f"\n{target}:" in makefile for target in targets)
        case "python":
            assert words[:2] == ["-m", "darkpool"]
            if words[2] != "morning":
                main.parser().parse_args(words[2:])
        case "snakemake":
            read = get_argument_parser().parse_args(words)
            assert read.unlock or (read.targets and all(map(is_target, read.targets))), read.targets
        case "daily.sh":
            wrapper_arguments.parse(words, tmp_path)
        case name:
            assert name in ("touch", "chmod", "echo", "export")


def is_target(name: str) -> bool:
    """Whether the workflow makes a file of this name; a word that --configfile took is none."""
    scans = "|".join(settings.load(ROOT / "config.yaml")["scans"])
    found = re.fullmatch(rf"results/({scans})/(\d{{4}}-\d{{2}}-\d{{2}})/(.+)", name)
    if found:
        return sessions.is_session(date.fromisoformat(found[2])) and found[3] in files.BY_PATH
    return name == "latest" or re.fullmatch(rf"results/({scans})/({'|'.join(files.BESIDE)})", name) is not None


def test_a_configuration_before_a_target_ends_with_two_dashes():
    """Snakemake's --configfile takes every word that follows it."""
    for page in (*WRITTEN, *sorted((ROOT / "workflow").rglob("*.py"))):
        for line in page.read_text(encoding="utf-8").splitlines():
            after = re.search(r"--configfile \S+\.ya?ml(.*)", line)
            if after and re.search(r"results/|latest|TARGET", after[1].split("`")[0]):
                assert after[1].startswith(" -- "), (page.name, line)


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


def commands(page, program="python"):
    """Arguments of the darkpool module on a page."""
    return [list(command.words[3:]) for command in documentation.shown(ROOT / page) if command.words[0] == program]


def answer(capsys, *argv):
    """The rows a query prints, split into words."""
    assert main.main(argv) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()[2:]]


def test_the_message_can_be_looked_at_and_sent_as_it_stands(project, capsys, monkeypatch):
    monkeypatch.delenv("DARKPOOL_NOTIFY", raising=False)
    shown, sent = [argv for argv in commands("docs/morning.md") if argv[0] == "digest"]
    assert main.main(shown) == 0
    assert glossary.DISCLAIMER in capsys.readouterr().out
    assert main.main(sent) == 0
    assert capsys.readouterr().err == "message: off\n"


def test_the_questions_of_a_new_user_are_answered(project, capsys):
    main.main(["rebuild"])
    capsys.readouterr()
    habit, log_ratio, later = [argv for argv in commands("docs/history.md") if argv[0] == "query"]
    most = answer(capsys, *habit)
    assert [row[0] for row in most] == ["TQQQ", "SPY", "NA"]
    assert {row[-1] for row in most} == {str(len(DECEMBER))}
    told = answer(capsys, *log_ratio)
    assert [row[0] for row in told] == [str(day) for day in reversed(DECEMBER[-10:])]
    assert [row[1] for row in told] == [f"{day.day / 100:.4f}" for day in reversed(DECEMBER[-10:])]
    assert [row[-2:] for row in answer(capsys, *later)] == [["100", "2025-12-22"], ["105", "2025-12-29"]]
