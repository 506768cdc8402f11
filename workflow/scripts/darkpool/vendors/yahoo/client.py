"""Asking Yahoo Finance, one ticker at a time, patiently; every ticker has an answer with a state (`chart`).

yfinance asks: cookie, crumb, consent and browser likeness are its work. The answer is read here, from the chart that
its session received, because yfinance hides the HTTP status, turns an unknown volume into 0, and moves a split to the
bar before it when the split's own day has none.

Yahoo names only the splits of the range asked for, and adjusts for all up to the moment of asking. So the range of
days always ends tomorrow, whatever session is wanted.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import tenacity

from ... import clock, listing
from ...market.sessions import NEW_YORK
from .. import http
from . import browser
from .chart import FAILED, DailyAnswer, Exchange, Wanted, judge

PAUSE = "DARKPOOL_YAHOO_PAUSE"
DEFAULT_PAUSE = 0.5
ROUNDS = 3
RATE_LIMIT_ATTEMPTS = 5
RATE_LIMIT_PATIENCE = 10.0
MAX_FAILURES = 5
PROGRESS_EVERY = 20

Progress = Callable[[str], None]


def pause() -> float:
    """Least seconds between two requests to Yahoo; DARKPOOL_YAHOO_PAUSE overrides the default of 0.5."""
    return float(os.environ.get(PAUSE) or DEFAULT_PAUSE)


@dataclass(frozen=True)
class Question:
    """What is asked about each symbol, in yfinance's words, and how its answer is read.

    `end` is excluded, and found at the moment of asking; `judge` takes the exchange, the symbol and the moment (UTC).
    """

    interval: str
    start: date
    end: Callable[[], date]
    judge: Callable[[Exchange, str, datetime], DailyAnswer]
    subject: str = ""
    """Of a line about tickers: what of them."""


def fetch_daily(
    tickers: Sequence[str],
    start: date,
    end: date,
    session: date | None = None,
    *,
    progress: Progress | None = None,
    rounds: int = ROUNDS,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, DailyAnswer]:
    """`ask` for the daily bars of `tickers` (Yahoo's spelling) from `start` to `end`, both included.

    `session` (`end` unless given) is the one whose bar decides the state.
    """
    wanted = Wanted(start, end, session or end)
    question = Question("1d", start, _tomorrow, lambda exchange, symbol, now: judge(exchange, symbol, wanted, now))
    return ask(tickers, question, progress=progress, rounds=rounds, sleep=sleep)


def ask(
    tickers: Sequence[str],
    question: Question,
    *,
    progress: Progress | None = None,
    rounds: int = ROUNDS,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, DailyAnswer]:
    """Put the question for each of `tickers` (Yahoo's spelling); every one has an answer, in the order given.

    What failed is asked again, in `rounds` rounds with back-off; a 429 stops the run for a while, and ends it when it
    lasts. `progress` takes a line of text, to stderr unless given.

    Raises ValueError on a ticker given twice, or not in upper case: Yahoo's client would change it.
    """
    _refuse_strange(tickers)
    say = progress or (lambda line: print(line, file=sys.stderr, flush=True))
    answers: dict[str, DailyAnswer] = {}
    with browser.quiet_session(http.Pace(pause(), sleep)) as session:
        run = _Run(session, question, say, sleep)
        for number in range(rounds):
            pending = _pending(tickers, answers)
            if not pending:
                break
            if number:
                wait = http.backoff() * 2**number
                say(f"yahoo: {question.subject}{len(pending)} tickers are asked again in {wait:.0f} s")
                sleep(wait)
            if not run.ask_round(pending, answers):
                break
    trouble = next((answer.reason for answer in reversed(answers.values()) if answer.state in FAILED), "no answer")
    return {ticker: answers.get(ticker) or DailyAnswer("outage", f"not asked after: {trouble}") for ticker in tickers}


def _refuse_strange(tickers: Sequence[str]) -> None:
    twice = sorted({ticker for ticker in tickers if tickers.count(ticker) > 1})
    if twice:
        raise ValueError(f"asked twice in Yahoo's spelling: {listing.named(twice)}")
    lower = [ticker for ticker in tickers if ticker != ticker.upper() or not ticker]
    if lower:
        raise ValueError(f"not in Yahoo's spelling, which is upper case: {listing.named(map(repr, lower))}")


def _pending(tickers: Sequence[str], answers: dict[str, DailyAnswer]) -> list[str]:
    """Those without an answer to keep. A bar that no ticker has yet is not asked for again: Yahoo is not ready."""
    again = set(FAILED)
    if any(answer.state == "published" for answer in answers.values()):
        again.add("not_yet")
    return [ticker for ticker in tickers if ticker not in answers or answers[ticker].state in again]


@dataclass(frozen=True)
class _Run:
    """One call of `ask`: through which session, for what, who is told, and how time passes."""

    session: Any
    question: Question
    say: Progress
    sleep: Callable[[float], None]

    def ask_round(self, pending: list[str], answers: dict[str, DailyAnswer]) -> bool:
        """Ask each of `pending` once, into `answers`; True when another round makes sense."""
        failures = 0
        begun = time.monotonic()
        for done, symbol in enumerate(pending, start=1):
            answer = self.ask_patiently(symbol)
            if answer.dropped:
                self.say(f"yahoo: {symbol}: {answer.dropped}")
            failed = answer.state in FAILED
            if not (failed and symbol in answers and answers[symbol].state not in FAILED):
                answers[symbol] = answer
            if done % PROGRESS_EVERY == 0:
                left = (time.monotonic() - begun) / done * (len(pending) - done)
                self.say(f"yahoo: {done}/{len(pending)} tickers, about {left / 60:.0f} min left")
            if answer.status == 429:
                self.say(f"yahoo: still rate limited, {len(pending) - done} more tickers are not asked")
                return False
            failures = failures + 1 if failed else 0
            if failures == MAX_FAILURES and done < len(pending):
                self.say(
                    f"yahoo: {failures} failures in a row ({answer.reason}), {len(pending) - done} tickers put off"
                )
                break
        return True

    def ask_patiently(self, symbol: str) -> DailyAnswer:
        """Ask, and while Yahoo answers 429 stand still and ask again: one ticker's limit is every ticker's."""
        retrying = tenacity.Retrying(
            sleep=self.sleep,
            wait=_rate_limit_wait,
            before_sleep=lambda state: self.say(f"yahoo: rate limit, waiting {state.upcoming_sleep:.0f} s"),
            stop=tenacity.stop_after_attempt(RATE_LIMIT_ATTEMPTS),
            retry=tenacity.retry_if_result(_worth_waiting),
            retry_error_callback=_outcome,
        )
        answer: DailyAnswer = retrying(self.ask, symbol)
        return answer

    def ask(self, symbol: str) -> DailyAnswer:
        import yfinance
        from yfinance.cache import get_tz_cache
        from yfinance.data import YfData

        # Known here, it spares the request that yfinance would spend on it for each ticker.
        get_tz_cache().store(symbol, NEW_YORK.key)
        # It remembers answers about the past, refusals and errors too: asking again would not reach Yahoo.
        YfData.cache_get.cache_clear()
        self.session.chart = None
        failure = "no request was made"
        try:
            yfinance.Ticker(symbol, session=self.session).history(
                start=self.question.start,
                end=self.question.end(),
                interval=self.question.interval,
                auto_adjust=False,
                actions=True,
                prepost=False,
                timeout=browser.TIMEOUT,
            )
        except Exception as error:
            # Whatever its own reading of the answer runs into: it is read here.
            failure = f"{type(error).__name__}: {error}"
        exchange = self.session.chart or Exchange(address=browser.CHART + symbol, failure=failure)
        return self.question.judge(exchange, symbol, clock.now())


def _rate_limit_wait(state: tenacity.RetryCallState) -> float:
    grown: float = http.backoff() * RATE_LIMIT_PATIENCE * 2 ** (state.attempt_number - 1)
    return min(max(grown, _outcome(state).retry_after or 0.0), http.LONGEST_WAIT)


def _worth_waiting(answer: DailyAnswer) -> bool:
    return answer.status == 429 and (answer.retry_after or 0.0) <= http.LONGEST_WAIT


def _outcome(state: tenacity.RetryCallState) -> DailyAnswer:
    assert state.outcome is not None
    answer: DailyAnswer = state.outcome.result()
    return answer


def _tomorrow() -> date:
    # A clock set back does not set back what Yahoo has adjusted for, so the true one counts.
    return max(datetime.now(UTC), clock.now()).astimezone(NEW_YORK).date() + timedelta(days=1)
