"""The rules by hand-checkable numbers, against plain loops written from the papers, and what no rule may break."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool import settings
from darkpool.measures import sign
from darkpool.plan import configuration

PROJECT = Path(__file__).parents[3]
BUY, SELL, NEUTRAL = 1, -1, 0
NAN = math.nan


def sides(rule, price, bid=None, ask=None, **options):
    arrays = [None if column is None else np.array(column, float) for column in (price, bid, ask)]
    return sign.sign(rule, *arrays, **options).tolist()


def test_tick_compares_with_the_previous_price_and_forgets():
    assert sides("tick", [10.00, 10.01, 10.01, 10.00]) == [NEUTRAL, BUY, NEUTRAL, SELL]


def test_tick_carry_keeps_the_side_through_zero_ticks():
    assert sides("tick_carry", [10.00, 10.00, 10.01, 10.01, 10.00, 10.00]) == [0, 0, BUY, BUY, SELL, SELL]


def test_nbbo_signs_at_and_through_the_quotes_and_nothing_between():
    price = [10.03, 10.02, 10.01, 10.00, 9.99]
    assert sides("nbbo", price, [10.00] * 5, [10.02] * 5) == [BUY, BUY, NEUTRAL, SELL, SELL]


def test_a_price_a_tenth_of_a_cent_below_the_ask_is_below_it():
    assert sides("nbbo", [10.019, 10.001], [10.00] * 2, [10.02] * 2) == [NEUTRAL, NEUTRAL]


def test_a_locked_quote_signs_above_and_below_and_is_neutral_at_it():
    assert sides("nbbo", [10.01, 10.00, 9.99], [10.00] * 3, [10.00] * 3) == [BUY, NEUTRAL, SELL]


@pytest.mark.parametrize(
    ("bid", "ask"), [(10.03, 10.02), (0.0, 10.02), (NAN, 10.02), (10.00, NAN), (NAN, NAN), (-1.0, 10.02)]
)
def test_a_crossed_one_sided_or_missing_quote_is_no_quote(bid, ask):
    assert sides("nbbo", [10.00, 10.02], [10.00, bid], [10.02, ask]) == [SELL, BUY]
    assert sides("nbbo", [10.02, 10.01], [10.00, bid], [10.02, ask]) == [BUY, SELL]


def test_a_trade_between_valid_quotes_does_not_fall_back_on_the_tick():
    assert sides("nbbo", [10.00, 10.01], [10.00, 10.00], [10.02, 10.02]) == [SELL, NEUTRAL]


def test_the_previous_price_is_that_of_the_previous_trade_whatever_signed_it():
    price, bid, ask = [10.00, 10.02, 10.01], [10.00, 10.00, NAN], [10.02, 10.02, NAN]
    assert sides("nbbo", price, bid, ask) == [SELL, BUY, SELL]


def test_all_or_nothing_turns_every_trade_to_tick_for_one_missing_quote():
    price, bid, ask = [10.02, 10.02, 10.03], [10.00, NAN, 10.00], [10.02, NAN, 10.05]
    assert sides("nbbo", price, bid, ask, all_or_nothing=True) == [0, 0, BUY]
    assert sides("nbbo", price, bid, ask) == [BUY, 0, NEUTRAL]


def test_lee_ready_uses_the_midpoint_and_at_it_the_tick():
    assert sides("lee_ready", [10.00, 10.02, 10.03, 10.02], [10.00] * 4, [10.04] * 4) == [SELL, BUY, BUY, SELL]


def test_emo_uses_the_quotes_alone_and_elsewhere_the_tick():
    assert sides("emo", [10.00, 10.01, 10.03, 10.04], [10.00] * 4, [10.04] * 4) == [SELL, BUY, BUY, BUY]
    assert sides("emo", [10.03, 10.01], [10.00] * 2, [10.04] * 2) == [0, SELL]


def test_clnv_uses_the_outer_three_deciles_and_elsewhere_the_tick():
    bid, ask = [10.00] * 5, [11.00] * 5
    assert sides("clnv", [10.75, 10.50, 10.60, 10.25, 11.50], bid, ask) == [BUY, SELL, BUY, SELL, BUY]


def test_clnv_counts_quotes_and_decile_bounds_in_and_what_lies_beyond_them_out():
    bid, ask = 10.0, 20.0
    upper, lower = (1.0 - 0.3) * ask + 0.3 * bid, 0.3 * ask + (1.0 - 0.3) * bid
    below = [20.0, 20.01, upper, np.nextafter(upper, 0), lower, np.nextafter(lower, 20), 10.0, 9.99]
    # Each after a trade at another price: the quote rule, where it signs, says the contrary of the tick.
    for price, earlier, expected in zip(
        below, [21, 21, 18, 18, 11, 11, 9, 9], [BUY, SELL, BUY, SELL, SELL, BUY, SELL, BUY], strict=True
    ):
        assert sides("clnv", [earlier, price], [bid] * 2, [ask] * 2)[1] == expected, price


def test_clnv_at_a_locked_quote_is_the_tick():
    assert sides("clnv", [9.0, 10.0], [10.0] * 2, [10.0] * 2) == [0, BUY]


@pytest.mark.parametrize("rule", ["lee_ready", "emo", "clnv"])
def test_the_published_rules_fall_back_on_the_carried_tick_for_the_trades_without_a_quote_alone(rule):
    price, bid, ask = [10.04, 10.00, 10.00, 10.00], [10.00, NAN, NAN, 9.98], [10.04, NAN, NAN, 10.00]
    assert sides(rule, price, bid, ask) == [BUY, SELL, SELL, BUY]


def test_a_tick_that_is_carried_ends_with_the_next_change():
    assert sides("tick_carry", [5.0, 6.0, 6.0, 6.0, 4.0, 4.0, 5.0]) == [0, BUY, BUY, BUY, SELL, SELL, BUY]


def test_quotes_of_one_side_alone_are_no_quotes():
    price = np.array([10.0, 10.01, 10.01])
    assert sign.sign("nbbo", price, np.full(3, 10.01), None).tolist() == [0, BUY, 0]
    assert sign.sign("lee_ready", price, None, np.full(3, 10.0)).tolist() == [0, BUY, BUY]


def test_all_or_nothing_is_of_nbbo_alone_and_does_nothing_where_every_trade_has_a_quote():
    price, bid, ask = [10.02, 10.01], [10.00, NAN], [10.02, NAN]
    assert (
        sides("lee_ready", price, bid, ask, all_or_nothing=True) == sides("lee_ready", price, bid, ask) == [BUY, SELL]
    )
    assert sides("nbbo", [10.02, 10.02], [10.00] * 2, [10.02] * 2, all_or_nothing=True) == [BUY, BUY]


def test_the_smallest_bid_is_one_and_zero_is_none():
    tiny = np.nextafter(0.0, 1.0)
    assert sign.valid(np.array([tiny, 0.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, np.nextafter(1.0, 0)])).tolist() == [
        True,
        False,
        True,
        False,
    ]


def test_without_quotes_nbbo_is_tick_and_the_published_rules_are_tick_carry():
    price = [10.00, 10.01, 10.01]
    assert sides("nbbo", price) == [0, BUY, 0]
    assert [sides(rule, price) for rule in ("lee_ready", "emo", "clnv")] == [[0, BUY, BUY]] * 3


def test_prints_are_signed_outside_the_middle_fifth_of_the_spread():
    price = [10.00, 10.39, 10.40, 10.50, 10.60, 10.61, 11.00, 11.50, 9.00]
    expected = [SELL, SELL, 0, 0, 0, BUY, BUY, BUY, SELL]
    assert sign.prints(np.array(price), np.full(9, 10.0), np.full(9, 11.0)).tolist() == expected


def test_the_bounds_of_the_middle_fifth_belong_to_it_with_their_tolerance():
    """A bid so small that the position in the spread is the price itself."""
    upper, lower = 0.6 + 1e-9, 0.4 - 1e-9
    price = np.array([lower, np.nextafter(lower, 0), upper, np.nextafter(upper, 1)])
    bid, ask = np.full(4, 2.0**-60), np.ones(4)
    assert (((price - bid) / (ask - bid)) == price).all()
    assert sign.prints(price, bid, ask).tolist() == [0, SELL, 0, BUY]


def test_prints_at_a_locked_quote_are_signed_off_it_only():
    assert sign.prints(np.array([10.01, 10.0, 9.99]), np.full(3, 10.0), np.full(3, 10.0)).tolist() == [1, 0, -1]


def test_prints_without_a_valid_quote_are_neutral():
    bid, ask = np.array([10.02, 0.0, NAN, 10.0]), np.array([10.0, 10.0, 10.0, NAN])
    assert sign.prints(np.full(4, 11.0), bid, ask).tolist() == [0, 0, 0, 0]


def test_a_flat_bar_is_neither_bought_nor_sold():
    assert sign.bars(np.array([1.0, 1.0, 1.0]), np.array([2.0, 1.0, 0.5])).tolist() == [BUY, NEUTRAL, SELL]


def test_an_unknown_rule_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'lee-ready', expected one of nbbo, tick, tick_carry"):
        sides("lee-ready", [1.0])


# The table


def test_every_method_of_the_tables_has_words_and_whatever_is_drawn_a_form_of_its_own():
    assert list(sign.METHODS) == [
        "NBBO", "NBBO+TICK", "TICK", "TICK_CARRY", "LEE_READY", "EMO", "CLNV", "BARS", "NONE"
    ]  # fmt: skip
    assert all(term.label and term.sentence for term in sign.METHODS.values())
    assert sorted(sign.MARKERS) == sorted(set(sign.METHODS) - {"NONE"})
    assert len(set(sign.MARKERS.values())) == len(sign.MARKERS)
    assert "consolidated" in sign.METHODS["BARS"].label.lower()


@pytest.mark.parametrize("rule", sign.RULES.values(), ids=sign.RULES)
def test_a_rule_has_one_name_a_source_and_falls_back_on_one_that_asks_for_no_quotes(rule):
    assert sign.RULES[rule.name] is rule
    assert rule.code in sign.METHODS
    assert rule.bought
    assert rule.source
    assert rule.fallback is None or sign.RULES[rule.fallback].fallback is None


SOME, ALL, NONE = np.array([True, False]), np.array([True, True]), np.array([False, False])


@pytest.mark.parametrize(
    ("rule", "quoted", "all_or_nothing", "code"),
    [
        ("nbbo", ALL, False, "NBBO"), ("nbbo", SOME, False, "NBBO+TICK"), ("nbbo", NONE, False, "TICK"),
        ("nbbo", None, False, "TICK"), ("nbbo", np.array([], bool), False, "NBBO"),
        ("nbbo", SOME, True, "TICK"), ("nbbo", ALL, True, "NBBO"),
        ("emo", ALL, False, "EMO"), ("emo", SOME, False, "EMO"), ("emo", SOME, True, "EMO"),
        ("emo", NONE, False, "TICK_CARRY"), ("emo", None, True, "TICK_CARRY"),
        ("tick", None, False, "TICK"), ("tick", ALL, True, "TICK"), ("tick_carry", SOME, False, "TICK_CARRY"),
    ],
)  # fmt: skip
def test_the_method_is_the_rule_that_signed_the_fallback_where_no_trade_had_a_quote(rule, quoted, all_or_nothing, code):
    assert sign.method(rule, quoted, all_or_nothing=all_or_nothing) == code


def test_the_codes_that_no_quote_stands_behind_are_those_of_the_tick_rules():
    assert {"TICK", "TICK_CARRY"} == sign.WITHOUT_QUOTES
    assert sign.METHODS["BARS"].is_warned_of
    assert not sign.METHODS["NONE"].is_warned_of


def test_the_configuration_may_name_every_rule_and_nothing_else():
    config = settings.load(PROJECT / "config.yaml")
    for rule in (*sign.RULES, "NBBO", "bvc"):
        config["lit"]["method"] = rule
        if rule in sign.RULES:
            settings.check(config, configuration.schema(PROJECT))
        else:
            with pytest.raises(settings.ConfigError, match=f"lit.method: .* allowed is {', '.join(sign.RULES)}"):
                settings.check(config, configuration.schema(PROJECT))


def test_the_docs_hold_the_table_of_the_rules():
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / "docs").glob("*.md")]
    assert sum(sign.markdown() in text for text in texts) == 1


@pytest.mark.parametrize("rule", sign.RULES)
def test_no_trades_have_no_sides(rule):
    assert sides(rule, [], [], []) == []


# Plain loops, one trade at a time, as the papers say it


def carried(price, i):
    earlier = [p for p in price[:i] if p != price[i]]
    return 0 if not earlier else int(np.sign(price[i] - earlier[-1]))


def plain(rule, price, bid, ask, i):
    p, b, a = price[i], bid[i], ask[i]
    if rule == "tick" or (rule == "nbbo" and not (b > 0 and a >= b)):
        return 0 if i == 0 else int(np.sign(p - price[i - 1]))
    if rule == "tick_carry" or not (b > 0 and a >= b):
        return carried(price, i)
    if rule == "nbbo":
        return 0 if p >= a and p <= b else BUY if p >= a else SELL if p <= b else 0
    middle = (a + b) / 2
    if rule == "lee_ready":
        return BUY if p > middle else SELL if p < middle else carried(price, i)
    if rule == "emo":
        return carried(price, i) if a == b else BUY if p == a else SELL if p == b else carried(price, i)
    near_ask, near_bid = 0.7 * a + 0.3 * b <= p <= a, b <= p <= 0.3 * a + 0.7 * b
    return (BUY if p > middle else SELL) if near_ask != near_bid else carried(price, i)


@st.composite
def tapes(draw, *, locked=True):
    """A tape around one price level: prices, bids and asks on one grid, crossed, one-sided and missing quotes too."""
    grid = draw(st.sampled_from([0.01, 0.0001]))
    level = draw(st.integers(50, 3_000_000))
    rows = draw(
        st.lists(
            st.tuples(st.integers(-12, 12), st.integers(-12, 12), st.integers(-2 if locked else 1, 20), st.booleans()),
            max_size=40,
        )
    )
    price = np.array([(level + p) * grid for p, *_ in rows], float)
    bid = np.array([NAN if gone else (level + b) * grid for _, b, _, gone in rows], float)
    ask = np.array([(level + b + spread) * grid for _, b, spread, _ in rows], float)
    return price, bid, ask


@given(tapes(locked=False))
@pytest.mark.parametrize("rule", sign.RULES)
def test_rules_agree_with_plain_loops_at_any_price(rule, tape):
    price, bid, ask = tape
    assert sign.sign(rule, price, bid, ask).tolist() == [plain(rule, price, bid, ask, i) for i in range(len(price))]


@given(tapes())
@pytest.mark.parametrize("rule", ["nbbo", "tick", "tick_carry", "lee_ready", "emo"])
def test_locked_and_crossed_quotes_agree_with_plain_loops(rule, tape):
    price, bid, ask = tape
    assert sign.sign(rule, price, bid, ask).tolist() == [plain(rule, price, bid, ask, i) for i in range(len(price))]


@given(tapes(), st.data())
def test_lee_and_ready_of_a_few_trades_is_that_of_all_of_them_there(tape, data):
    price, bid, ask = tape
    chosen = data.draw(st.sets(st.integers(0, len(price) - 1))) if len(price) else set()
    at = np.array(sorted(chosen), np.intp)
    assert sign.lee_ready_at(price, bid, ask, at).tolist() == sign.sign("lee_ready", price, bid, ask)[at].tolist()


def test_lee_and_ready_of_a_few_trades_carries_the_tick_from_trades_that_were_not_chosen():
    price, quoted = np.array([5.0, 5.0, 6.0, 6.0, 4.0, 4.0]), np.array([NAN, NAN, NAN, 5.0, NAN, 4.0])
    at = np.array([0, 1, 3, 5])
    assert sign.lee_ready_at(price, quoted, quoted + 2.0, at).tolist() == [0, 0, BUY, SELL]
    assert sign.lee_ready_at(np.full(3, 5.0), *np.full((2, 3), NAN), np.array([1, 2])).tolist() == [0, 0]


# Invariants

whole = st.lists(
    st.tuples(st.integers(80, 120), st.integers(80, 120), st.sampled_from([1, 2, 3, 4, 6, 7, 9])),
    min_size=1,
    max_size=40,
)


def signed(rule, *arrays):
    return sign.sign(rule, *arrays).tolist()


def columns(rows):
    price, bid, spread = (np.array(column, float) for column in zip(*rows, strict=True))
    return price, bid, bid + spread


@given(whole, st.sampled_from([0.25, 2.0, 1024.0]))
@pytest.mark.parametrize("rule", sign.RULES)
def test_the_unit_of_price_changes_nothing(rule, rows, scale):
    price, bid, ask = columns(rows)
    assert signed(rule, price, bid, ask) == signed(rule, price * scale, bid * scale, ask * scale)


@given(whole, st.integers(1, 1000))
@pytest.mark.parametrize("rule", sign.RULES)
def test_the_level_of_price_changes_nothing(rule, rows, shift):
    price, bid, ask = columns(rows)
    assert signed(rule, price, bid, ask) == signed(rule, price + shift, bid + shift, ask + shift)


@given(whole)
@pytest.mark.parametrize("rule", sign.RULES)
def test_prices_upside_down_swap_buy_and_sell(rule, rows):
    price, bid, ask = columns(rows)
    assert np.array_equal(sign.sign(rule, price, bid, ask), -sign.sign(rule, 300 - price, 300 - ask, 300 - bid))


@given(whole)
def test_prints_upside_down_swap_buy_and_sell(rows):
    price, bid, ask = columns(rows)
    assert np.array_equal(sign.prints(price, bid, ask), -sign.prints(300 - price, 300 - ask, 300 - bid))
