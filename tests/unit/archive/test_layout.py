from datetime import UTC, date, datetime

from darkpool.archive import layout
from darkpool.archive.store import Archive

DAY = date(2025, 12, 22)
NOON = datetime(2025, 12, 23, 12, tzinfo=UTC)


def test_names_are_those_of_the_design() -> None:
    assert layout.regsho("CNMS", DAY) == "finra/regsho/CNMSshvol20251222.txt"
    assert layout.yahoo_daily(DAY) == "yahoo/daily/2025-12-22.parquet"
    assert layout.yahoo_splits(DAY) == "yahoo/splits/2025-12-22.parquet"
    assert layout.universe("emps2", DAY) == "universe/emps2/2025-12-22.csv"
    assert layout.ticks("polygon/trades", DAY, "TpC") == "polygon/trades/2025-12-22/T%70C.parquet"


def test_volume_answers_are_all_of_the_window_and_none_beside_it(tmp_path) -> None:
    archive = Archive(tmp_path)
    wanted = [
        archive.keep(layout.regsho("CNMS", date(2025, 12, 19)), b"a", NOON),
        archive.keep(layout.regsho("CNMS", DAY), b"b", NOON),
        archive.keep(layout.regsho("CNMS", DAY), b"b corrected", NOON),
        archive.keep(layout.yahoo_daily(DAY), b"c", NOON),
        archive.keep(layout.yahoo_splits(DAY), b"d", NOON),
    ]
    archive.keep(layout.regsho("FORF", DAY), b"e", NOON)
    archive.keep(layout.regsho("CNMS", date(2025, 12, 18)), b"f", NOON)
    archive.keep(layout.yahoo_daily(date(2025, 12, 19)), b"g", NOON)
    assert layout.volume_answers(archive, DAY, [date(2025, 12, 19), DAY], ["CNMS"]) == wanted


def test_tick_files_are_the_newest_answers_in_the_vendors_own_spelling(tmp_path) -> None:
    archive = Archive(tmp_path)
    archive.keep(layout.ticks("polygon/trades", DAY, "BRK.B"), b"1", NOON)
    trades = archive.keep(layout.ticks("polygon/trades", DAY, "BRK.B"), b"2", NOON)
    bars = archive.keep(layout.ticks("yahoo/minute_bars", DAY, "BRK-B"), b"3", NOON)
    assert layout.tick_files(archive, DAY, "BRK.B", "auto") == {"polygon/trades": trades, "yahoo/minute_bars": bars}
    assert layout.tick_files(archive, DAY, "BRK.B", "minute_bars") == {"yahoo/minute_bars": bars}
    assert layout.tick_files(archive, DAY, "BRK.B", "none") == {}
