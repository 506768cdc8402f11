"""A receipt that somebody edited is told in one sentence that names it; a whole one comes back as it was."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.archive import layout, open_requests
from darkpool.archive.receipts import ReceiptError
from darkpool.archive.store import Archive, retrieved
from darkpool.session import sources, volume_tables

DAY = date(2025, 12, 22)
NAME = "CNMSshvol20251222.txt"
ENTRY = {
    "state": "published", "reason": None, "file": "finra/regsho/x.txt", "sha256": "0" * 64, "rows": 3, "status": 200,
    "etag": None, "address": "https://cdn.finra.org/x.txt", "retrieved_at": "2025-12-23T11:00:00Z",
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "finra": {"files": {NAME: ENTRY}},
    "yahoo": {"tickers": {"NA": ENTRY}},
    "polygon": {"tickers": {"NA": {"trades": ENTRY, "quotes": None, "minute_bars": None}}},
    "finra_weekly": {"weeks": {"2025-12-01": {"T1": ENTRY}}},
}
PATHS = {
    "finra": ["files", NAME],
    "yahoo": ["tickers", "NA"],
    "polygon": ["tickers", "NA", "trades"],
    "finra_weekly": ["weeks", "2025-12-01", "T1"],
}
READERS: dict[str, Callable[[Archive], object]] = {
    "finra": lambda archive: open_requests.finra(archive, DAY, [NAME]),
    "yahoo": lambda archive: open_requests.yahoo(archive, DAY, ["NA"]),
    "polygon": lambda archive: open_requests.ticks(archive, DAY, ["NA"], "auto"),
    "finra_weekly": lambda archive: open_requests.weekly(archive, DAY, 1),
}


def written(root: Path, source: str, receipt: object) -> Archive:
    archive = Archive(root)
    path = archive.receipt_path(source, DAY)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(receipt if isinstance(receipt, str) else json.dumps(receipt))
    return archive


def edited(source: str, names: list[str], value: object) -> Any:
    """The whole receipt of `source` with another value at the end of `names`."""
    receipt = place = copy.deepcopy(WHOLE[source])
    for name in names[:-1]:
        place = place[name]
    place[names[-1]] = value
    return receipt


@pytest.mark.parametrize("source", WHOLE)
def test_a_whole_receipt_comes_back_as_it_was_written(source: str, tmp_path: Path) -> None:
    assert written(tmp_path, source, WHOLE[source]).receipt(source, DAY) == WHOLE[source]


@pytest.mark.parametrize("source", WHOLE)
@pytest.mark.parametrize("receipt", ["", "{", "[]", "null", "3", '"files"', "{}", '{"other": {}}', "[" * 100_000])
def test_what_is_no_receipt_at_all_is_told(source: str, receipt: str, tmp_path: Path) -> None:
    archive = written(tmp_path, source, receipt)
    with pytest.raises(ReceiptError, match=rf"{archive.receipt_path(source, DAY)} is no receipt: .*; delete it"):
        READERS[source](archive)


@pytest.mark.parametrize("source", WHOLE)
@pytest.mark.parametrize("value", [[], None, "x", 3, True])
def test_a_group_or_a_week_that_is_no_object_is_told(source: str, value: object, tmp_path: Path) -> None:
    for depth in range(1, len(PATHS[source])):
        archive = written(tmp_path, source, edited(source, PATHS[source][:depth], value))
        with pytest.raises(ReceiptError, match=rf"{'.'.join(PATHS[source][:depth])} is .*, expected an object"):
            READERS[source](archive)


@pytest.mark.parametrize("source", WHOLE)
@pytest.mark.parametrize("value", [[], None, "x", 3, {}, {"state": None}, {"state": "publshed"}, {"state": ["absent"]}])
def test_an_entry_that_is_none_is_told_with_its_name(source: str, value: object, tmp_path: Path) -> None:
    if source == "polygon" and value is None:
        pytest.skip("a kind of ticks that was not asked for")
    archive = written(tmp_path, source, edited(source, PATHS[source], value))
    with pytest.raises(ReceiptError, match=rf"{'.'.join(PATHS[source])}.* is .*, expected"):
        READERS[source](archive)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("file", 3), ("file", []), ("file", "/etc/passwd"), ("file", "../x"), ("file", ""), ("sha256", 3), 
        ("rows", "3"), ("rows", 1.5), ("rows", True), ("status", "200"), ("reason", {}), ("retrieved_at", "yesterday"),
        ("retrieved_at", 20251223), ("etag", []), ("address", 1), ("state", 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", WHOLE)
def test_a_field_of_another_kind_is_told_with_its_name(source: str, name: str, value: object, tmp_path: Path) -> None:
    archive = written(tmp_path, source, edited(source, [*PATHS[source], name], value))
    with pytest.raises(ReceiptError, match=rf"{'.'.join(PATHS[source])}\.{name} is .*, expected"):
        READERS[source](archive)


def test_a_week_that_is_no_day_is_told(tmp_path: Path) -> None:
    archive = written(tmp_path, "finra_weekly", {"weeks": {"2025-13-01": {}}})
    with pytest.raises(ReceiptError, match="weeks has '2025-13-01', expected the Monday of a week"):
        open_requests.weekly(archive, DAY, 1)


@pytest.mark.parametrize("source", WHOLE)
@pytest.mark.parametrize("name", sorted(set(ENTRY) - {"state"}))
def test_what_an_entry_does_not_say_is_unknown_and_no_fault(source: str, name: str, tmp_path: Path) -> None:
    receipt = copy.deepcopy(WHOLE[source])
    entry = receipt
    for part in PATHS[source]:
        entry = entry[part]
    del entry[name]
    archive = written(tmp_path, source, receipt)
    assert archive.receipt(source, DAY) == receipt
    READERS[source](archive)
    sources.finra(archive, DAY, ["CNMS"], False, None)
    sources.yahoo(archive, DAY, ["NA"], {}, False, [])
    sources.lit(archive, DAY, {"none": 1}, False)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["files", "tickers", "weeks", "NA", "trades", "state", "file", "2025-12-01", "T1"]), inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize("source", WHOLE)
@settings(max_examples=60, deadline=None)
@given(receipt=ANYTHING)
def test_any_json_is_a_receipt_or_the_one_good_message(
    source: str, receipt: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    archive = written(tmp_path_factory.mktemp("any"), source, receipt)
    try:
        READERS[source](archive)
        volume_tables.is_simulated(archive, "emps2", DAY)
    except ReceiptError as error:
        assert str(archive.receipt_path(source, DAY)) in str(error)  # noqa: PT017 (either end is right)


@pytest.mark.parametrize("moment", ["20251399T110000Z", "20251223T250000Z", "00000000T000000Z", "20250229T000000Z"])
@pytest.mark.parametrize(
    ("folder", "name", "read"),
    [
        ("finra/regsho", "CNMSshvol20251222@{}.txt", lambda a: a.answers(layout.regsho("CNMS", DAY))),
        ("yahoo/daily", "2025-12-22@{}.parquet", lambda a: a.answers(layout.yahoo_daily(DAY))),
        ("polygon/trades/2025-12-22", "NA@{}.parquet", lambda a: layout.tick_files(a, DAY, "NA", "auto")),
        ("finra/otc_weekly", "2025-12-01@{}.json", lambda a: layout.otc_weekly_answers(a, DAY)),
        ("universe/emps2", "2025-12-22@{}.csv", lambda a: a.answers(layout.universe("emps2", DAY))),
    ],
)
def test_a_name_with_an_impossible_moment_is_told_by_whoever_reads(
    moment: str, folder: str, name: str, read: Callable[[Archive], object], tmp_path: Path
) -> None:
    path = tmp_path / folder / name.format(moment)
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(ValueError, match=rf"{path.name}: its name carries {moment}, which is no moment; expected NAME"):
        read(Archive(tmp_path))


def test_a_week_whose_name_is_no_day_is_told(tmp_path: Path) -> None:
    path = tmp_path / "finra/otc_weekly/2025-13-45.json"
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(ValueError, match=r"2025-13-45\.json: 2025-13-45 is no day; expected the Monday of a week"):
        layout.otc_weekly_answers(Archive(tmp_path), DAY)


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)))
def test_every_moment_that_can_be_comes_back_from_a_name(moment: datetime) -> None:
    assert retrieved(Path(f"x@{moment:%Y%m%dT%H%M%S}Z.txt")) == moment.replace(microsecond=0, tzinfo=UTC)
