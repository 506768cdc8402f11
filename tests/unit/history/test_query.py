"""What a person asks of the history is answered; nothing is written, and nothing else on the machine is read."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import session_folders
from darkpool.cli import main
from darkpool.history import query
from standin import weekly_rows

HISTORY = Path(main.__file__).parents[4] / "docs/history.md"
DAY = date(2025, 12, 22)
SECRET = "abcdef123456"
ARCHIVE = "resources/archive"
TRADES = f"{ARCHIVE}/polygon/trades/{DAY}/NA.parquet"

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session, an archive with trades, weeks and a receipt, and a key in `.env`; the history is loaded."""
    root = tmp_path / "it's [here]"
    session_folders.write(root / "results/emps2", DAY)
    (root / "config.yaml").write_text(f"scans: {{emps2: {{archive: {ARCHIVE}}}}}\nhistory: {{}}\n")
    (root / ".env").write_text(f"POLYGON_API_KEY={SECRET}\n")
    (root / TRADES).parent.mkdir(parents=True)
    trades = pl.DataFrame({"participant_timestamp": [1, 2], "price": [10.0, 11.0], "size": [3.0, 4.0]})
    trades.write_parquet(root / TRADES)
    week = root / ARCHIVE / "finra/otc_weekly/2025-11-17.json"
    week.parent.mkdir(parents=True)
    week.write_text(json.dumps(weekly_rows("2025-11-17", "T2", {"TQQQ": (300, 700)})))
    receipt = root / ARCHIVE / f"receipts/finra/{DAY}.json"
    receipt.parent.mkdir(parents=True)
    receipt.write_text('{"files": {}}\n')
    monkeypatch.chdir(root)
    assert main.main(["rebuild"]) == 0
    return root


@pytest.fixture
def ask(project: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    def ask(sql: str, *options: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main.main(["query", sql, *options])
        return status, *capsys.readouterr()

    return ask


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in root.rglob("*")
    }


READING = [
    "select date, log_ratio from features where ticker = 'NA'",
    "with a as (select ticker from features) select count(*) from a",
    "from features select ticker",
    "(select 1) union all (select 2) order by 1",
    "values (1), (2)",
    "table runs",
    "describe features",
    "describe select 1",
    "show tables",
    "summarize features",
    "explain select * from features",
    "explain analyze select * from features",
    "explain (analyze, format json) select * from features",
    "explain (select 1)",
    "with recursive n as (select 1 as x union all select x + 1 from n where x < 3) from n",
    "pivot features on ticker in ('NA', 'TPC') using max(trf_volume)",
    "from range(3)",
    "select comment from duckdb_columns() where table_name = 'features'",
    "select 'copy features to x; delete' as text;",
    "-- delete from features\nselect 1",
]


@pytest.mark.parametrize("sql", READING)
def test_a_statement_that_reads_is_answered(ask: Ask, sql: str) -> None:
    status, out, err = ask(sql)
    assert (status, err) == (0, "")
    assert out.count("\n") >= 3


def test_the_queries_of_the_documentation_are_answered(ask: Ask) -> None:
    commands = re.findall(r'^python -m darkpool query "[^"]*"', HISTORY.read_text(), re.MULTILINE)
    assert len(commands) >= 3
    for command in commands:
        status, _, err = ask(shlex.split(command)[4])
        assert (status, err) == (0, "")


def test_views_read_the_archive_through_the_closed_door(ask: Ask) -> None:
    assert ask("select symbol, sum(price * size) as usd from equity_trades_raw group by symbol", "--csv")[:2] == (
        0, "symbol,usd\nNA,74.0\n",
    )  # fmt: skip
    assert ask("select symbol, off_exchange_volume as v from finra_otc_answers", "--csv")[:2] == (
        0,
        "symbol,v\nTQQQ,1000.0\n",
    )


WRITING = [
    f"copy features to '{ARCHIVE}/receipts/finra/{DAY}.json'",
    f"copy features to '{TRADES}' (format parquet)",
    "copy (select 1) to 'x.csv'",
    "export database 'x'",
    "attach 'x.duckdb'",
    "attach 'results/emps2/history.duckdb' as again",
    "create table x as select 1",
    "create temp table x as select 1",
    "create view x as select 1",
    "create macro x() as 1",
    "create secret s (type s3)",
    "insert into features select * from features",
    "update features set ticker = 'X'",
    "delete from features",
    "truncate features",
    "merge into features using features f on (features.ticker = f.ticker) when matched then delete",
    "drop table features",
    "alter table features rename to x",
    "comment on table features is 'x'",
    "install httpfs",
    "force install httpfs from 'https://127.0.0.1:1'",
    "load httpfs",
    "update extensions",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "reset allowed_directories",
    "set variable a = 1",
    "use memory",
    "pragma enable_profiling",
    "pragma database_size",
    "call enable_logging()",
    "checkpoint",
    "vacuum",
    "begin",
    "prepare p as delete from features",
    "execute p",
    "import database 'x'",
    "select 1; select 2",
    f"select 1; copy features to '{TRADES}'",
    f"with a as (copy features to '{TRADES}') select 1",
    f"select * from (with a as (copy features to '{TRADES}') select 1)",
    "with a as (delete from features returning *) from a",
    f"explain copy features to '{TRADES}'",
    f"explain analyze copy features to '{TRADES}'",
    f"explain (analyze, format json) copy features to '{TRADES}'",
    f"explain /* ( */ analyze -- )\n copy features to '{TRADES}'",
    f"explain analyze with a as (copy features to '{TRADES}') select 1",
    f"from query('copy features to ''{TRADES}''')",
    "from enable_logging(storage := 'file', storage_path := 'x')",
    "from checkpoint()",
    "from arrow_scan(1, 2, 3)",
    'from "PANDAS_SCAN"(1)',
    "from system.main.arrow_scan(1, 2, 3)",
    "from json_execute_serialized_sql('{}')",
    "",
    "-- nothing",
    "selec 1",
]


@pytest.mark.parametrize("sql", WRITING)
def test_a_statement_that_does_anything_else_is_refused_and_changes_no_byte(ask: Ask, project: Path, sql: str) -> None:
    before = digests(project)
    status, out, err = ask(sql)
    assert (status, out) == (1, "")
    assert err.startswith("error: ")
    assert digests(project) == before


PEEKING = [
    "from read_text('.env')",
    "from read_text('{root}/.env')",
    "from read_blob('.env')",
    "from read_csv('.env', header = false)",
    "from read_csv('/etc/passwd')",
    "from '.env'",
    "from 'config.yaml'",
    "from read_json('config.yaml')",
    "from read_json('{root}/resources/archive/receipts/finra/2025-12-22.json')",
    "from read_json('{root}/resources/archive/finra/otc_weekly/../../receipts/finra/2025-12-22.json')",
    "from read_parquet('results/emps2/2025-12-22/features.parquet')",
    "from glob('*')",
    "from glob('{root}/.*')",
    "from read_text('{root}/resources/archive/polygon/trades/../../../../.env')",
    "from read_csv('/proc/self/environ')",
    "from read_csv('/dev/stdin')",
    "from read_csv('https://127.0.0.1:1/x.csv')",
    "from read_parquet('s3://bucket/x.parquet')",
    "from sniff_csv('.env')",
    "from duckdb_secrets()",
    "select getenv('POLYGON_API_KEY')",
    "explain analyze from read_text('.env')",
    "with a as (from read_text('.env')) from a",
    "select (select content from read_text('.env'))",
    "from args",
    "from rows",
    "select * from sql",
]


@pytest.mark.parametrize("sql", PEEKING)
def test_nothing_besides_the_store_and_its_views_is_read(
    ask: Ask, project: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.setenv("POLYGON_API_KEY", SECRET)
    before = digests(project)
    status, out, err = ask(sql.format(root=str(project).replace("'", "''")))
    assert (status, out) == (1, "")
    assert err.startswith("error: ")
    assert SECRET not in err
    assert digests(project) == before


HIDDEN_COPY = st.recursive(
    st.sampled_from(["copy t to 'x'", "COPY (select 1) TO 'x'", "insert into t values (1)", "delete from t"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["from a", "select 1", "values (1)"])).map(
            lambda pair: f"with b as (select 1), a as ({pair[0]}) {pair[1]}"
        ),
        inner.map(lambda sql: f"select * from (with a as ({sql}) from a)"),
        inner.map(lambda sql: f"select 1 where exists (with a as ({sql}) from a)"),
        inner.map(lambda sql: f"select 1 union all (with a as ({sql}) from a)"),
    ),
    max_leaves=3,
)
AHEAD = st.sampled_from(
    ["", "explain ", "EXPLAIN ANALYZE ", "explain (format json) ", "/* ( */ explain -- )\n analyze "]
)


@settings(max_examples=60, deadline=None)
@given(AHEAD, HIDDEN_COPY, st.sampled_from(["", ";", " -- end", " /* ; */ ;"]))
def test_a_statement_that_writes_is_found_wherever_it_hides(ahead: str, sql: str, behind: str) -> None:
    with pytest.raises(query.NotReading):
        query.check(ahead + sql + behind)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_checked_or_refused(text: str) -> None:
    with suppress(query.NotReading):
        query.check(text)


@pytest.mark.parametrize("options", [[], ["--csv"]])
def test_what_would_steer_the_terminal_is_spelt_out(ask: Ask, options: list[str]) -> None:
    status, out, _ = ask(
        "select 'a' || chr(27) || '[2J' || chr(155) || 'b' || chr(8238) || chr(7) || chr(13) as x", *options
    )
    assert status == 0
    assert r"a\x1b[2J\x9bb\u202e\x07\r" in out
    assert not set(out) & {"\x1b", "\x9b", "\u202e", "\x07", "\r"}


def test_a_value_of_several_lines_stays_in_its_cell(ask: Ask) -> None:
    _, out, _ = ask("select 'a' || chr(10) || 'b' || chr(9) || 'c' as x, 1 as y")
    assert out.splitlines()[2].split() == [r"a\nb\tc", "1"]


def test_an_error_that_repeats_the_question_steers_nothing(ask: Ask) -> None:
    status, out, err = ask('select "\x1b[31m" from features')
    assert (status, out) == (1, "")
    assert "\x1b" not in err
