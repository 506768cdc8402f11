"""A table may grow: what an older state wrote is read, or refused with the command that makes it anew."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from darkpool.tables import contract, contracts
from darkpool.tables.contract import Column, Contract, Newer, Unreadable

KEPT = sorted((Path(__file__).parents[2] / "kept").glob("v*/demo/*/*.parquet"))
"""Tables of each state that wrote them differently, as it left them; `tests/keep_session.py` keeps today's."""
DAY = date(2025, 12, 22)


NUMBER = pa.float64()


def column(name: str, kind: pa.DataType = NUMBER, nullable: bool = True, **grown: object) -> Column:
    return Column(pa.field(name, kind, nullable, {"unit": "shares", "meaning": "made"}), **grown)


FIRST = Contract(
    (column("date", pa.date32(), False), column("ticker", pa.string(), False), column("a"), column("b")), ("ticker",)
)
ROWS = {"date": [DAY, DAY], "ticker": ["NA", "TpC"], "a": [1.0, 2.0], "b": [3.0, None]}


@pytest.fixture
def file(tmp_path: Path, monkeypatch) -> Path:
    """A table `made` of the first version, in a session's folder."""
    monkeypatch.setattr(contracts, "CONTRACTS", {"made": FIRST})
    path = tmp_path / "results/emps2/2025-12-22/made.parquet"
    contracts.write("made", pl.DataFrame(ROWS), path)
    return path


@pytest.fixture
def becomes(monkeypatch):
    """The table's contract of today: its columns after the key."""

    def become(*columns: Column, **more: object) -> None:
        monkeypatch.setattr(
            contracts, "CONTRACTS", {"made": Contract((*FIRST.columns[:2], *columns), ("ticker",), **more)}
        )

    return become


def values(path: Path) -> dict[str, list]:
    return contracts.read("made", path).drop("date", "ticker").to_dict(as_series=False)


def test_a_version_is_the_newest_change_of_the_table() -> None:
    assert FIRST.version == 1
    assert Contract((*FIRST.columns, column("c", since=3), column("d", since=2)), ("ticker",)).version == 3
    assert Contract(FIRST.columns, ("ticker",), {"gone": 4}).version == 4


def test_a_file_says_its_version_and_what_is_handed_on_from_an_older_one_does_not_change_it(file, becomes) -> None:
    assert contracts.metadata(file)["version"] == "1"
    becomes(column("a"), column("b"), column("c", since=2))
    contracts.write("made", contracts.read("made", file), file, **contracts.metadata(file))
    assert contracts.metadata(file)["version"] == "2"


def test_a_new_column_is_null_in_an_older_file_wherever_it_stands(file, becomes) -> None:
    becomes(column("c", since=2), column("a"), column("n", pa.int64(), since=3), column("b"))
    assert values(file) == {"c": [None, None], "a": [1.0, 2.0], "n": [None, None], "b": [3.0, None]}
    assert contracts.columns("made", file, ["c", "b"]).to_dict(as_series=False) == {"c": [None, None], "b": [3.0, None]}
    assert contracts.read("made", file).schema["n"] == pl.Int64


def test_a_new_column_that_may_not_be_null_has_what_is_true_of_older_files(file, becomes) -> None:
    becomes(column("a"), column("b"), column("strength", pa.string(), False, since=2, fill=""))
    assert values(file)["strength"] == ["", ""]


def test_a_column_in_another_place_is_read_by_its_name(file, becomes) -> None:
    becomes(column("b"), column("a"))
    assert values(file) == {"b": [3.0, None], "a": [1.0, 2.0]}


def test_a_column_that_was_dropped_is_passed_over(file, becomes) -> None:
    becomes(column("a"), dropped={"b": 2})
    assert values(file) == {"a": [1.0, 2.0]}


def test_a_column_of_another_name_is_found_under_the_old_one(file, becomes) -> None:
    becomes(column("a"), column("c", since=2, was="b"))
    assert values(file) == {"a": [1.0, 2.0], "c": [3.0, None]}


def test_a_column_of_another_type_is_taken_where_every_value_fits(file, becomes) -> None:
    becomes(column("a", pa.int64(), since=2, was="a"), column("b"))
    assert values(file)["a"] == [1, 2]


def test_files_without_a_version_are_of_the_first(file, becomes) -> None:
    table = pq.read_table(file)
    pq.write_table(table.replace_schema_metadata(None), file)
    becomes(column("a"), column("b"), column("c", since=2))
    assert values(file)["c"] == [None, None]


def test_a_later_version_may_still_read_a_file_of_each_earlier_one(file, becomes) -> None:
    becomes(column("a"), column("c", since=2, was="b"))
    contracts.write("made", contracts.read("made", file), file)
    becomes(column("a"), column("c", since=2, was="b"), column("d", since=3))
    assert values(file) == {"a": [1.0, 2.0], "c": [3.0, None], "d": [None, None]}


REFUSED = {
    "no honest fill": (
        [column("a"), column("b"), column("c", nullable=False, since=2)], {}, "column c came with version 2"
    ),
    "another meaning": ([column("a", since=2), column("b")], {}, "column a was something else before version 2"),
    "values that do not fit": (
        [column("a"), column("b", pa.bool_(), since=2, was="b"), column("c", pa.date32(), since=2, was="a")],
        {},
        r"column c was a \(double\) before version 2, and is no date32",
    ),
    "a change without a version: more": ([column("a"), column("b"), column("c")], {}, "column c is missing"),
    "a change without a version: less": ([column("a")], {}, r"columns \['b'\] are unknown"),
    "a change without a version: type": (
        [column("a", pa.int64()), column("b")], {}, "column a is double, expected int64"
    ),
    "a null that may be none now": ([column("a"), column("b", nullable=False)], {}, "column b is null at ticker TpC"),
}  # fmt: skip


@pytest.mark.parametrize("change", REFUSED)
def test_what_cannot_be_read_is_refused_with_the_command_that_makes_it_anew(change: str, file, becomes) -> None:
    columns, more, words = REFUSED[change]
    becomes(*columns, **more)
    folder = file.parent
    with pytest.raises(Unreadable, match=words) as told:
        contracts.read("made", file)
    assert str(told.value).startswith(f"{file}: table made")
    assert str(told.value).endswith(f"; rm {file} && snakemake --cores 4 {file}")
    (folder / "all").touch()
    with pytest.raises(Unreadable) as told:
        contracts.read("made", file)
    assert str(told.value).endswith(f"; rm {file} && snakemake --cores 4 {folder}/all {file}")


def test_a_file_of_a_later_state_is_refused_and_not_offered_for_deletion(file, becomes) -> None:
    becomes(column("a"), column("b"), column("c", since=3))
    contracts.write("made", contracts.read("made", file), file)
    becomes(column("a"), column("b"), column("d", since=2))
    for read in (lambda: contracts.read("made", file), lambda: contracts.columns("made", file, ["a"])):
        with pytest.raises(
            Newer, match=r"made\.parquet: table made is of version 3.* up to 2; update the project"
        ) as told:
            read()
        assert "rm " not in str(told.value)


@pytest.mark.parametrize("text", ["", "two", "0", "-1", "1.5"])
def test_a_version_that_is_no_number_is_refused(text: str, file) -> None:
    table = pq.read_table(file)
    pq.write_table(table.replace_schema_metadata({"version": text}), file)
    with pytest.raises(Unreadable, match="is no whole number from 1 on; rm "):
        contracts.read("made", file)


def test_the_command_names_every_file_and_session_once_and_quotes_what_a_shell_would_read() -> None:
    folder = Path("results/my scan/2025-12-22")
    assert contract.mend([folder / "merged.parquet", folder / "features.parquet"], [folder / "weekly.parquet"]) == (
        "rm 'results/my scan/2025-12-22/merged.parquet' 'results/my scan/2025-12-22/features.parquet' && "
        "snakemake --cores 4 'results/my scan/2025-12-22/features.parquet' 'results/my scan/2025-12-22/merged.parquet' "
        "'results/my scan/2025-12-22/weekly.parquet'"
    )
    assert contract.mend([Path("elsewhere/merged.parquet")]) == "rm elsewhere/merged.parquet, and make it again"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parents[2].name}-{path.stem}")
def test_every_table_of_a_kept_session_is_read(path: Path) -> None:
    """A column that came without a version fails here: the files of those who use the project would be refused."""
    held, table = contracts.read(path.stem, path), pq.ParquetFile(path).read()
    assert held.height == table.num_rows > 0
    version = contract.version_of(table.schema.metadata)
    for column in contracts.CONTRACTS[path.stem].columns:
        if column.since <= version:
            assert held[column.field.name].to_list() == pl.from_arrow(table)[column.field.name].to_list()


def test_what_is_kept_is_simulated_and_small() -> None:
    assert {contracts.metadata(path)["simulated"] for path in KEPT if path.stem == "features"} == {"true"}
    assert max(path.stat().st_size for path in KEPT) < 20_000
