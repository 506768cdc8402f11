"""Which of FINRA's files are a whole on which day, and since when there are any."""

from datetime import date, timedelta
from itertools import combinations

import pytest

from darkpool.market import finra_files
from darkpool.market.finra_files import FilesError

BEFORE, AFTER = date(2018, 9, 7), date(2018, 9, 10)
PARTS = ("FNSQ", "FNYX", "FNQC")


def whole(prefixes: tuple[str, ...], session: date) -> bool:
    try:
        finra_files.require_whole(prefixes, session)
    except FilesError:
        return False
    return True


def test_from_chicagos_first_day_a_part_of_the_facilities_is_refused_in_any_company() -> None:
    for session in (AFTER, date(2025, 12, 22)):
        for count in range(4):
            for parts in combinations(PARTS, count):
                for more in ((), ("FNRA",), ("FORF",), ("FNRA", "FORF")):
                    if parts or more:
                        is_whole = count == 3 or (count == 0 and "FNRA" not in more)
                        assert whole((*parts, *more), session) == is_whole, (parts, more)


def test_before_it_the_two_that_there_were_are_the_whole() -> None:
    assert whole(("FNSQ", "FNYX"), BEFORE)
    assert whole(("FNYX", "FNSQ", "FORF", "FNRA"), BEFORE)
    assert whole(PARTS, BEFORE)
    assert not whole(("FNSQ",), BEFORE)
    assert not whole(("FNQC", "FNYX"), BEFORE)


@pytest.mark.parametrize("session", [BEFORE, AFTER, date(2013, 10, 7)])
def test_the_consolidated_file_and_otc_equities_are_whole(session: date) -> None:
    assert whole(("CNMS",), session)
    assert whole(("CNMS", "FORF"), session)
    assert whole(("FORF",), session)


def test_the_refusal_says_which_lists_are_right() -> None:
    with pytest.raises(FilesError) as error:
        finra_files.require_whole(["FNSQ", "FNYX"], AFTER)
    assert str(error.value) == (
        "config: finra.files: FNSQ, FNYX without FNQC is a part of the off-exchange volume of 2018-09-10; from "
        "2018-09-10 on [CNMS], [FNSQ, FNYX, FNQC] (with FNRA or without) and [FORF] are whole, and FORF may be added "
        "to each"
    )
    with pytest.raises(FilesError, match=r"before 2018-09-10 \[FNSQ, FNYX\] \(with FNRA or without\) and \[FORF\]"):
        finra_files.require_whole(["FNSQ"], date(2018, 7, 31))
    with pytest.raises(FilesError, match=r"before 2018-09-10 \[CNMS\], \[FNSQ, FNYX\] "):
        finra_files.require_whole(["FNSQ"], date(2018, 8, 1))


def test_each_kind_of_file_begins_where_the_first_answers_were_recorded() -> None:
    assert dict(finra_files.FIRST) == {
        "CNMS": date(2018, 8, 1), "FNSQ": date(2009, 8, 3), "FNQC": date(2018, 9, 10),
        "FNYX": date(2009, 1, 1), "FNRA": date(2009, 1, 1), "FORF": date(2009, 1, 1),
    }  # fmt: skip


@pytest.mark.parametrize("prefix", sorted(finra_files.FIRST))
def test_a_session_before_the_first_file_is_refused_unless_the_archive_has_it(prefix: str) -> None:
    first = finra_files.FIRST[prefix]
    before = first - timedelta(days=1)
    finra_files.require_published([prefix], first, lambda _: False)
    finra_files.require_published([prefix], before, lambda _: True)
    if prefix == "FNQC":
        finra_files.require_published([prefix], before, lambda _: False)
        return
    with pytest.raises(FilesError, match=f"no {prefix} file of {before}: they begin on {first}"):
        finra_files.require_published([prefix], before, lambda _: False)


def test_each_file_of_the_list_must_be_there() -> None:
    with pytest.raises(FilesError, match=r"no CNMS file of 2018-07-31: .*FNSQ, FNYX go back further"):
        finra_files.require_published(["FORF", "CNMS"], date(2018, 7, 31), lambda prefix: prefix == "FORF")
    with pytest.raises(FilesError, match=r"FNSQ, FNYX go back further"):
        finra_files.require_published(["CNMS"], date(2009, 8, 3), lambda _: False)
    with pytest.raises(FilesError, match=r"its files FNYX go back further"):
        finra_files.require_published(["CNMS"], date(2009, 7, 31), lambda _: False)
    with pytest.raises(FilesError) as error:
        finra_files.require_published(["CNMS"], date(2008, 7, 31), lambda _: False)
    assert "further" not in str(error.value)
