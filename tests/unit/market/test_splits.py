"""Which splits of a vendor can be vouched for, by hand and for any split that can be made."""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool.market import sessions, splits
from darkpool.market.splits import Split

DAY = date(2025, 11, 20)
WINDOW = sessions.window(DAY, 20)
DOUBLE = Split(DAY, 2.0, named=2.0)

Days = Mapping[date, float]


@pytest.mark.parametrize("ratio", [2.0, 3.0, 1.5, 1.05, 4 / 3, 110 / 109, 0.1, 1 / 30, 1 / 5000, 1e-4, 1e4, 7.0, 111.0])
def test_whole_numbers_their_parts_and_small_fractions_are_share_splits(ratio: float) -> None:
    assert splits.is_share_split(ratio)
    assert splits.judged([(DAY, ratio)]) == [Split(DAY, ratio, named=ratio)]


@pytest.mark.parametrize("ratio", [1.253, 0.798, 1.015, 111 / 110, 0.5001, 2.00001, 1.4142])
def test_a_spin_offs_ratio_is_none(ratio: float) -> None:
    assert not splits.is_share_split(ratio)
    (told,) = splits.judged([(DAY, ratio)])
    assert (told.ratio, told.named) == (None, None)
    assert "which is no share split" in told.doubt


@pytest.mark.parametrize(
    ("ratio", "is_one"),
    [(2.0000009, True), (2.0000011, False), (1.5000009, True), (1.5000011, False), (0.19999999, True), (0.1999, False)],
)
def test_a_millionth_is_the_vendors_rounding_and_more_is_not(ratio: float, is_one: bool) -> None:
    assert splits.is_share_split(ratio) == is_one


@given(st.integers(1, 110), st.integers(1, 110))
@settings(deadline=None)
def test_every_fraction_of_numbers_up_to_110_is_a_share_split(new: int, old: int) -> None:
    assert splits.is_share_split(new / old)


@pytest.mark.parametrize("ratio", [1.0, 1 + 9e-7, 1 - 9e-7])
def test_a_ratio_of_1_is_no_split(ratio: float) -> None:
    assert splits.judged([(DAY, ratio)]) == []
    assert splits.judged([(DAY, ratio), (DAY, 2.0)]) == [DOUBLE]


def test_the_same_ratio_twice_is_one_split() -> None:
    assert splits.judged([(DAY, 2.0), (DAY, 2.0)]) == [DOUBLE]
    assert splits.judged([(DAY, 1 / 3), (DAY, 0.33333333)])[0].ratio is not None


def test_two_ratios_of_one_day_are_unclear_and_named() -> None:
    (told,) = splits.judged([(DAY, 3.0), (DAY, 2.0)])
    assert (told.ratio, told.named, told.doubt) == (None, None, "ratios of 2 and 3 on one day")


@pytest.mark.parametrize("ratio", [None, 0.0, -2.0, math.nan, math.inf, -math.inf, 9.9e-5, 10_000.1])
def test_a_ratio_that_no_vendor_can_mean_is_unclear_whatever_else_stands_beside_it(ratio: float | None) -> None:
    for named in ([(DAY, ratio)], [(DAY, 2.0), (DAY, ratio)]):
        (told,) = splits.judged(named)
        assert told.ratio is None
        assert told.doubt == f"a ratio of {ratio}, expected one from 0.0001 to 10000"


RATIOS = st.sampled_from([None, 0.0, 1.0, 2.0, 3.0, 0.1, 1.05, 1.253, math.nan])
NAMED = st.lists(st.tuples(st.sampled_from(WINDOW), RATIOS), max_size=6)


@given(NAMED, st.randoms())
@settings(deadline=None)
def test_the_order_in_which_splits_are_named_changes_nothing(named, shuffle) -> None:
    other = list(named)
    shuffle.shuffle(other)
    first, second = splits.judged(named), splits.judged(other)
    assert [(split.ex_date, split.ratio) for split in first] == [(split.ex_date, split.ratio) for split in second]
    assert all(one.ex_date < other.ex_date for one, other in pairwise(first))
    known = {split.ex_date: split.ratio for split in first if split.ratio}
    for day, ratio in known.items():
        assert {other for when, other in named if when == day} <= {ratio, 1.0}


class TestFactor:
    EVENTS = (Split(WINDOW[5], 2.0), Split(WINDOW[10], 3.0), Split(WINDOW[15], 5.0))

    def test_it_is_the_product_of_the_later_splits_up_to_the_last_day(self) -> None:
        assert splits.factor(self.EVENTS, WINDOW[4]) == 30
        assert splits.factor(self.EVENTS, WINDOW[5]) == 15  # from the ex-date on the shares are the new ones
        assert splits.factor(self.EVENTS, WINDOW[4], WINDOW[10]) == 6
        assert splits.factor(self.EVENTS, WINDOW[4], WINDOW[9]) == 2
        assert splits.factor(self.EVENTS, WINDOW[15]) == 1

    def test_it_is_unknown_over_an_unclear_split_and_only_there(self) -> None:
        events = (self.EVENTS[0], Split(WINDOW[10], None), self.EVENTS[2])
        assert splits.factor(events, WINDOW[9]) is None
        assert splits.factor(events, WINDOW[10]) == 5
        assert splits.factor(events, WINDOW[4], WINDOW[9]) == 2


def adjusted(traded: Days, *events: Split) -> dict[date, float]:
    """What Yahoo gives for volumes as traded once it has adjusted them: whole shares."""
    return {day: float(round(volume * (splits.factor(events, day) or 1))) for day, volume in traded.items()}


TRADED = {day: 100_000.0 + 1_000 * number for number, day in enumerate(WINDOW)}


class TestNotShown:
    """An earlier answer with the same days decides whether a named split is in the volumes."""

    @pytest.mark.parametrize("ratio", [2.0, 0.05, 10.0, 1.05, 1.5, 4.0])
    @pytest.mark.parametrize("ex", [*WINDOW[3::4], sessions.following(DAY), DAY + timedelta(200)])
    def test_a_split_is_shown_where_the_volumes_before_it_are_adjusted_and_not_where_they_are_as_before(
        self, ratio: float, ex: date
    ) -> None:
        split = Split(ex, ratio, named=ratio)
        assert splits.not_shown(adjusted(TRADED, split), [split], TRADED, []) == ({ex}, set())
        assert splits.not_shown(TRADED, [split], TRADED, []) == ({ex}, {ex})

    def test_a_split_that_both_name_is_not_decided(self) -> None:
        assert splits.not_shown(TRADED, [DOUBLE], TRADED, [DOUBLE]) == (set(), set())

    def test_an_answer_without_a_day_before_the_split_decides_nothing(self) -> None:
        later = {day: volume for day, volume in TRADED.items() if day >= DAY}
        assert splits.not_shown(TRADED, [DOUBLE], later, []) == (set(), set())
        assert splits.not_shown(later, [DOUBLE], TRADED, []) == (set(), set())
        assert splits.not_shown(TRADED, [DOUBLE], {}, []) == (set(), set())

    def test_the_earlier_answers_own_splits_are_put_back_first(self) -> None:
        old = Split(WINDOW[8], 4.0, named=4.0)
        then = adjusted(TRADED, old)
        assert splits.not_shown(then, [old, DOUBLE], then, [old]) == ({DAY}, {DAY})
        assert splits.not_shown(adjusted(TRADED, old, DOUBLE), [old, DOUBLE], then, [old]) == ({DAY}, set())

    def test_of_two_new_splits_the_one_that_is_missing_is_named(self) -> None:
        first, second = Split(WINDOW[10], 3.0, named=3.0), DOUBLE
        both = [first, second]
        for shown in ([], [first], [second], both):
            missing = {split.ex_date for split in both if split not in shown}
            assert splits.not_shown(adjusted(TRADED, *shown), both, TRADED, []) == ({first.ex_date, DAY}, missing)

    def test_of_two_that_are_missing_only_the_days_before_the_first_have_missed_both(self) -> None:
        """One day before each: 900 shares then and now, and the 1,000 of the later one, which miss the second alone."""
        first = Split(WINDOW[10], 3.0, named=3.0)
        two = {WINDOW[9]: 900.0, WINDOW[15]: 1000.0}
        assert splits.not_shown(two, [first, DOUBLE], two, []) == ({first.ex_date, DAY}, {first.ex_date, DAY})

    @pytest.mark.parametrize(("count", "found"), [(4, 4), (5, 0)])
    def test_up_to_four_that_are_missing_together_are_found(self, count: int, found: int) -> None:
        """More are not looked for: every set of them would have to be tried."""
        every = [Split(WINDOW[10 + n], ratio, named=ratio) for n, ratio in enumerate((2.0, 3.0, 5.0, 7.0, 11.0))]
        named, one = every[:count], {WINDOW[9]: 10_000.0}
        days = [split.ex_date for split in named]
        assert splits.not_shown(one, named, one, []) == (set(days), set(days[:found]))

    def test_a_corrected_volume_is_a_correction(self) -> None:
        now = adjusted(TRADED, DOUBLE)
        now[WINDOW[-2]] = TRADED[WINDOW[-2]]  # one of twenty days, halved by chance
        now[WINDOW[-3]] = TRADED[WINDOW[-3]]
        assert splits.not_shown(now, [DOUBLE], TRADED, []) == ({DAY}, set())
        now[WINDOW[-4]] = TRADED[WINDOW[-4]]  # three are no chance
        assert splits.not_shown(now, [DOUBLE], TRADED, []) == ({DAY}, {DAY})

    def test_one_common_day_is_enough_where_there_is_no_other(self) -> None:
        one = {WINDOW[-2]: 1000.0}
        assert splits.not_shown(one, [DOUBLE], one, []) == ({DAY}, {DAY})

    def test_a_thousandth_and_half_a_share_are_no_difference(self) -> None:
        one, day = {WINDOW[-2]: 1_000_000.0}, WINDOW[-2]
        assert splits.not_shown({day: 1_001_000.0}, [DOUBLE], one, []) == ({DAY}, {DAY})
        assert splits.not_shown({day: 1_003_000.0}, [DOUBLE], one, []) == ({DAY}, set())
        tenth = Split(DAY, 0.1, named=0.1)
        assert splits.not_shown({day: 1.0}, [tenth], {day: 14.0}, []) == ({DAY}, set())  # 1.4, given as 1
        assert splits.not_shown({day: 14.0}, [tenth], {day: 14.0}, []) == ({DAY}, {DAY})

    @pytest.mark.parametrize(("then", "missing"), [(998.0, {DAY}), (997.0, set())])
    def test_half_a_share_of_each_and_a_thousandth_are_the_most(self, then: float, missing: set[date]) -> None:
        """Of 1,000 shares a thousandth is 1, and the two halves are another one: 2 at most."""
        assert splits.not_shown({WINDOW[3]: 1000.0}, [DOUBLE], {WINDOW[3]: then}, []) == ({DAY}, missing)

    @pytest.mark.parametrize(("now", "missing"), [(3.0, True), (4.0, True), (4.2, False), (30.0, False)])
    def test_what_was_rounded_then_is_known_to_half_of_its_own_shares(self, now: float, missing: bool) -> None:
        """3 of ten shares each, so 25 to 35 as traded; without the 10:1 split since, 2.5 to 3.5, given as 2 to 4."""
        tenth, tenfold = Split(DAY, 0.1, named=0.1), Split(DAY + timedelta(1), 10.0, named=10.0)
        told = splits.not_shown({WINDOW[3]: now}, [tenth, tenfold], {WINDOW[3]: 3.0}, [tenth])
        assert told == ({tenfold.ex_date}, {tenfold.ex_date} if missing else set())

    def test_an_unclear_split_hides_the_days_before_it(self) -> None:
        unclear = Split(WINDOW[15], None)
        assert splits.not_shown(TRADED, [unclear, DOUBLE], TRADED, []) == ({DAY}, {DAY})
        assert splits.not_shown(TRADED, [Split(WINDOW[10], 2.0), Split(DAY, None)], TRADED, []) == (set(), set())


@given(
    st.dictionaries(st.sampled_from(WINDOW[:-1]), st.integers(1_000, 10**9).map(float), min_size=1),
    st.lists(
        st.tuples(st.sampled_from([*WINDOW[1:], DAY + timedelta(9)]), st.sampled_from([2.0, 3.0, 5.0, 7.0, 0.5])),
        min_size=1,
        max_size=3,
        unique_by=(lambda event: event[0], lambda event: event[1]),
    ),
    st.data(),
)
@settings(deadline=None)
def test_what_is_adjusted_is_vouched_for_and_what_is_not_is_found(traded, events, data) -> None:
    """Whole answers: every day of the window adjusted for the same ones of the splits that are named."""
    every = [Split(day, ratio, named=ratio) for day, ratio in sorted(events)]
    shown = [split for split in every if data.draw(st.booleans())]
    told = {split.ex_date for split in every if any(day < split.ex_date for day in traded)}
    decided, missing = splits.not_shown(adjusted(traded, *shown), every, traded, [])
    assert decided == told
    expected = {split.ex_date for split in every if split not in shown} & told
    if len(shown) == len(every):
        assert missing == set()
    assert expected <= missing or math.prod(s.ratio or 1 for s in every if s not in shown) == pytest.approx(1)


class TestStep:
    """Without an earlier answer: a step by the whole ratio where an adjusted volume would have none."""

    def at(self, ratio: float, before: float, since: float, each: int = 5) -> tuple[Split, dict[date, float]]:
        days = WINDOW[-2 * each :]
        return Split(days[each], ratio, named=ratio), {
            day: before if number < each else since for number, day in enumerate(days)
        }

    @pytest.mark.parametrize(
        ("ratio", "since", "told"),
        [
            (10.0, 1000.0, True),
            (0.1, 10.0, True),
            (9.9, 990.0, False),
            (1 / 9.9, 100 / 9.9, False),
            (20.0, 2000.0, True),
            (10.0, 100.0, False),  # no step: adjusted
            (10.0, 1500.0, True),  # 1.5 times the ratio
            (10.0, 1501.0, False),
            (10.0, 666.7, True),  # a 1.5th of it
            (10.0, 666.6, False),
        ],
    )
    def test_of_ten_times_and_within_one_and_a_half_of_the_ratio(self, ratio: float, since: float, told: bool) -> None:
        split, volumes = self.at(ratio, 100.0, since)
        assert splits.leaves_its_step(split, volumes, {}, []) == told

    @pytest.mark.parametrize(("each", "told"), [(4, False), (5, True)])
    def test_with_five_sessions_on_each_side(self, each: int, told: bool) -> None:
        split, volumes = self.at(10.0, 100.0, 1000.0, each)
        assert splits.leaves_its_step(split, volumes, {}, []) == told

    def test_medians_and_no_means_tell(self) -> None:
        split, volumes = self.at(10.0, 100.0, 1000.0)
        volumes[WINDOW[-1]] = volumes[WINDOW[-2]] = 10**9
        assert splits.leaves_its_step(split, volumes, {}, [])

    def test_a_market_of_zeros_tells_nothing(self) -> None:
        for before, since in ((0.0, 1000.0), (100.0, 0.0)):
            split, volumes = self.at(10.0, before, since)
            assert not splits.leaves_its_step(split, volumes, {}, [])

    def test_fractions_of_a_share_are_shares(self) -> None:
        split, volumes = self.at(10.0, 0.05, 0.5)
        assert splits.leaves_its_step(split, volumes, {}, [])

    def test_an_unclear_split_is_unclear_already(self) -> None:
        split, volumes = self.at(10.0, 100.0, 1000.0)
        assert not splits.leaves_its_step(split._replace(ratio=None), volumes, {}, [])

    @pytest.mark.parametrize(
        ("since", "told"),
        [
            (400.0, True),  # FINRA's volume rose by the ratio too: the split happened, Yahoo is as traded
            (4000.0, False),  # a hundredfold: the split, and a market ten times as busy
            (40.0, True),  # not at all: nothing that would clear the split
            (400.0 * 3.1, True),  # below the middle of the two, 10 times √10
            (400.0 * 3.2, False),
        ],
    )
    def test_finras_volume_contradicts_where_it_moved_by_the_ratio_once_more(self, since: float, told: bool) -> None:
        split, volumes = self.at(10.0, 100.0, 1000.0)
        _, finra = self.at(10.0, 40.0, since)
        assert splits.leaves_its_step(split, volumes, finra, []) == told
        assert splits.leaves_its_step(split, volumes, dict(list(finra.items())[1:]), [])  # four sessions say nothing

    def test_finras_volume_is_put_on_the_basis_of_the_other_splits(self) -> None:
        """FINRA's as traded: 10 times by the split in question, 10 times by another on the same stretch."""
        split, volumes = self.at(10.0, 100.0, 1000.0)
        _, finra = self.at(10.0, 40.0, 4000.0)
        assert splits.leaves_its_step(split, volumes, finra, [Split(split.ex_date, 10.0)])
        assert not splits.leaves_its_step(split, volumes, finra, [Split(DAY + timedelta(30), 10.0)])
        assert not splits.leaves_its_step(split, volumes, finra, [Split(min(volumes), 10.0)])
