"""Mornings in a row that nobody watches: in the end the history holds every session, right row for row."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import duckdb
import pytest

from darkpool.market import sessions
from mornings import Mornings, link_environment

SHORT = {"ma": 3, "min_sessions": 3, "window": 5}
REGULAR = 10_000
FIRST = date(2025, 10, 1)


def off_exchange(day):
    """Made so that a person can follow it: 100 shares for every session since October."""
    return 100 * len(sessions.between(FIRST, day))


@dataclass
class Weeks:
    """What happens from `first` to `last`: the only ticker is AAPL, the scan marks every session from then on."""

    first: date
    last: date
    outages: dict[date, str]
    """Vendor's host that is down at six on that day, and up again at seven."""
    asleep: set[date]
    """Days on which the machine is off until nine the day after."""
    corrections: dict[date, tuple[date, int]]
    """On that morning FINRA's file of another session has changed to so many shares."""
    acted: list[tuple[str, int, list[str]]] = field(default_factory=list)

    def live_through(self, mornings, live):
        published = {}
        for count in range((self.last - self.first).days + 1):
            day = self.first + timedelta(days=count)
            yesterday = day - timedelta(days=1)
            for session in sessions.between(FIRST, yesterday):
                if session not in published:
                    published[session] = off_exchange(session)
                    self.publish(live, session, published[session])
                    if session >= self.first - timedelta(days=1):
                        mornings.mark(str(session))
            bars = dict.fromkeys(published, (10.0, 11.0, 9.0, 10.5, REGULAR))
            live.vendors.yahoo.bars("AAPL", bars)
            if day in self.corrections:
                session, volume = self.corrections[day]
                published[session] = volume
                self.publish(live, session, volume)
            if day in self.asleep:
                continue
            first_call = "09:00" if yesterday in self.asleep else "06:00"
            if day in self.outages:
                live.vendors.faults.add(kind="status", status=503, host=self.outages[day])
            self.call(mornings, day, first_call)
            live.vendors.faults.clear()
            if self.acted and self.acted[-1][:2] == (str(day), 75):
                self.call(mornings, day, "07:00")
        return published

    def publish(self, live, session, volume):
        live.vendors.finra.publish(session, {"AAPL": (0, 0, volume, "B,Q,N")})

    def call(self, mornings, day, clock):
        mornings.now = datetime.combine(day, datetime.strptime(clock, "%H:%M").time(), sessions.NEW_YORK).isoformat()
        call = mornings.run("--at", "06:00")
        if call.summary["action"] != "wait":
            self.acted.append((str(day), call.code, [entry["date"] for entry in call.summary["sessions"]]))
        assert call.code in (0, 75), call.said


@pytest.fixture
def mornings(live):
    root = live.project.root
    link_environment(root)
    live.tickers = ["AAPL"]
    config = {**live.config, "mode": "single", "morning": {"look_back": 5}}
    variables = {**live.vendors.variables, **{k: v for k, v in live.project.env.items() if k.startswith("DARKPOOL_")}}
    return Mornings(root, variables, live.now, config)


def is_right(mornings, published, first):
    """Every session since `first` once, each value the newest that FINRA published, in the store and in the windows."""
    with duckdb.connect(mornings.results / "history.duckdb", read_only=True) as store:
        rows = store.execute("select date, ticker, trf_volume, offex_ratio from features order by date").fetchall()
        windows = store.execute("select session, date, trf_volume from merged where trf_volume is not null").fetchall()
    expected = {day: volume for day, volume in published.items() if day >= first}
    assert rows == [(day, "AAPL", volume, volume / REGULAR) for day, volume in sorted(expected.items())]
    assert {(day, volume) for _, day, volume in windows} <= set(published.items())
    return True


def test_a_week_with_an_outage_a_holiday_and_a_sleeping_machine(mornings, live):
    weeks = Weeks(
        date(2025, 12, 24), date(2025, 12, 30),
        outages={date(2025, 12, 24): "cdn.finra.org"}, asleep={date(2025, 12, 27)},
        corrections={date(2025, 12, 30): (date(2025, 12, 26), 7777)},
    )  # fmt: skip
    mornings.config = {**mornings.config, "morning": {**mornings.config["morning"], "catch_up": 2}}
    published = weeks.live_through(mornings, live)
    assert weeks.acted == [
        ("2025-12-24", 75, ["2025-12-23"]),
        ("2025-12-24", 0, ["2025-12-23"]),
        ("2025-12-25", 0, ["2025-12-24"]),
        ("2025-12-28", 0, ["2025-12-26"]),  # Saturday's, on Sunday: the machine had slept
        ("2025-12-30", 0, ["2025-12-26", "2025-12-29"]),
    ]
    assert is_right(mornings, published, date(2025, 12, 23))
    assert len(live.symbols_asked()) == 4  # once a session: what looking back asks for answers the new session too


@pytest.mark.soak(long=True)
def test_thirty_mornings_in_a_row(mornings, live, record_property):
    """Thanksgiving, Christmas, New Year, three outages, a weekend asleep, a correction."""
    weeks = Weeks(
        date(2025, 11, 19), date(2026, 1, 3),
        outages={
            date(2025, 11, 21): "cdn.finra.org", date(2025, 12, 3): "yahoo.com", date(2025, 12, 25): "cdn.finra.org",
        },
        asleep={date(2025, 12, 11), date(2025, 12, 12), date(2025, 12, 13)},
        corrections={date(2025, 12, 19): (date(2025, 12, 16), 9999)},
    )  # fmt: skip
    published = weeks.live_through(mornings, live)
    assert len({day for day, _, _ in weeks.acted}) >= 28
    record_property("mornings acted on", len({day for day, _, _ in weeks.acted}))
    assert is_right(mornings, published, date(2025, 11, 18))
