"""The condition policy file and its reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darkpool.market import conditions

HEADER = ",".join(conditions.COLUMNS)
DROPPED = {2, 5, 7, 8, 10, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 25, 28, 29, 32, 33, 38, 52, 53}


def policy_file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "policy.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_the_policy_drops_exactly_the_published_set():
    assert conditions.load().unsigned == DROPPED


def test_official_opens_closes_and_corrected_closes_have_no_volume():
    assert conditions.load().no_volume == {15, 16, 38}


def test_odd_lots_and_intermarket_sweeps_are_kept():
    policy = conditions.load()
    assert {0, 14, 37, 41} <= policy.known - policy.unsigned


def test_flags_name_every_code_and_call_the_rest_unknown():
    flags = conditions.load().flags
    assert flags[37] == 0
    assert flags[2] == conditions.UNSIGNED
    assert flags[15] == conditions.UNSIGNED | conditions.NO_VOLUME
    assert flags[55] == conditions.UNKNOWN
    assert flags[conditions.LARGEST] == conditions.UNKNOWN
    assert flags.dtype == np.uint8


def test_a_condition_named_twice_is_refused(tmp_path):
    path = policy_file(tmp_path, "7,cash,yes,no,terms,SIP C", "7,cash,yes,yes,terms,SIP C")
    with pytest.raises(conditions.PolicyError, match=r"line 3: condition 7 stands there twice"):
        conditions.load(path)


def test_a_condition_without_a_reason_is_refused(tmp_path):
    with pytest.raises(conditions.PolicyError, match=r"line 2: column why is empty"):
        conditions.load(policy_file(tmp_path, "7,cash,yes,no, ,SIP C"))


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("x,cash,yes,no,terms,SIP C", "code"),
        ("-1,cash,yes,no,terms,SIP C", "code"),
        ("255,cash,yes,no,terms,SIP C", "code"),
        ("7,cash,perhaps,no,terms,SIP C", "counts_in_volume"),
        ("7,cash,yes,,terms,SIP C", "may_be_signed"),
    ],
)
def test_a_wrong_cell_is_refused_with_its_line_and_column(tmp_path, line, column):
    with pytest.raises(conditions.PolicyError, match=rf"policy\.csv, line 2: column {column} is"):
        conditions.load(policy_file(tmp_path, line))


def test_other_columns_are_refused(tmp_path):
    with pytest.raises(conditions.PolicyError, match="columns are"):
        conditions.load(policy_file(tmp_path, "7,cash", header="code,meaning"))
