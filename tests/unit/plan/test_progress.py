"""A long run says how long it still takes; a short one does not."""

import logging

from darkpool.plan.progress import TimeLeft


def told(capsys, records, total, **given):
    """What is said when `records` are (seconds, steps done)."""
    moments = iter([0.0, *(seconds for seconds, _ in records)])
    handler = TimeLeft(lambda: next(moments), **given)
    for _, done in records:
        record = logging.makeLogRecord({"event": "progress", "done": done, "total": total})
        handler.emit(record)
    handler.emit(logging.makeLogRecord({"event": "job_info"}))
    return capsys.readouterr().err.splitlines()


def test_a_backfill_says_how_long_it_still_takes_every_quarter_of_a_minute(capsys):
    records = [(10.0, 50), (20.0, 100), (30.0, 150), (60.0, 300)]
    assert told(capsys, records, 1_000) == [
        "100 of 1000 steps, about 3 min left",
        "300 of 1000 steps, about 2 min left",
    ]


def test_a_run_of_a_few_steps_and_one_that_is_done_say_nothing(capsys):
    assert told(capsys, [(20.0, 5), (40.0, 10)], 12) == []
    assert told(capsys, [(60.0, 100)], 100) == []


def test_where_snakemake_is_silent_a_short_run_counts_its_steps(capsys):
    records = [(2.0, 1), (6.0, 5), (8.0, 6), (12.0, 10), (14.0, 12)]
    assert told(capsys, records, 12, alone=True) == ["5 of 12 steps", "10 of 12 steps"]


def test_where_snakemake_says_nothing_at_all_what_ends_a_run_is_said(capsys):
    """As `--quiet all` does: a locked folder and a refusal would be in the log alone."""
    steps = "WorkflowError:\nAt least one job did not complete successfully."
    for silent, said in ((True, ["Refused:", "no such day"]), (False, [])):
        handler = TimeLeft(silent=silent)
        for message in ("Refused:\nno such day\n", steps):
            handler.emit(logging.makeLogRecord({"event": "error", "msg": message, "levelno": logging.ERROR}))
        assert capsys.readouterr().err.splitlines() == said
