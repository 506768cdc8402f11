"""Student's t against tables and against scipy, which is there for the tests alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from darkpool.measures.study import student


@pytest.mark.parametrize(
    ("degrees", "t"),
    [(1, 12.706), (2, 4.303), (4, 2.776), (5, 2.571), (10, 2.228), (22, 2.074), (30, 2.042), (120, 1.980)],
)
def test_the_quantiles_are_those_of_the_printed_table(degrees, t):
    assert round(student.quantile(0.95, degrees), 3) == t


@settings(deadline=None)
@given(st.floats(-60, 60), st.integers(1, 400))
def test_the_probability_is_scipys(t, degrees):
    """Scipy itself is wrong by 5e-14 near 0 with one degree, where 1 - 2 atan(t) / pi is exact."""
    assert student.two_sided(t, degrees) == pytest.approx(2 * stats.t.sf(abs(t), degrees), rel=0, abs=1e-12)


@pytest.mark.parametrize("t", [0.0, 6.103515625e-05, 0.3, 1.0, 12.706])
def test_one_degree_is_the_arc_tangent(t):
    assert student.two_sided(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t), rel=0, abs=2e-16)


@settings(deadline=None)
@given(st.floats(0.01, 0.9999), st.integers(1, 400))
def test_the_quantile_is_scipys(confidence, degrees):
    """Scipy's own is wrong near 0: 1e-9 with four degrees gives 0, where 1e-9 / 0.75 is right."""
    expected = stats.t.ppf((1 + confidence) / 2, degrees)
    assert student.quantile(confidence, degrees) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)
@given(st.floats(0, 1e-6), st.integers(1, 400))
def test_near_0_the_quantile_is_the_confidence_over_twice_the_density_there(confidence, degrees):
    expected = confidence / (2 * stats.t.pdf(0, degrees))
    assert student.quantile(confidence, degrees) == pytest.approx(expected, rel=1e-10, abs=1e-50)


def test_with_four_degrees_the_density_at_0_is_three_eighths():
    assert student.quantile(1.15e-10, 4) == pytest.approx(1.15e-10 / 0.75, rel=1e-12)


@settings(deadline=None)
@given(st.floats(0, 0.9999), st.integers(1, 400))
def test_the_probability_takes_the_quantile_back(confidence, degrees):
    assert student.within(student.quantile(confidence, degrees), degrees) == pytest.approx(confidence, rel=1e-12)


@pytest.mark.parametrize("confidence", [-0.1, 1.0])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        student.quantile(confidence, 5)


def test_no_degrees_of_freedom_are_refused():
    with pytest.raises(ValueError, match="degrees of freedom are 0"):
        student.two_sided(1.0, 0)
