"""The drawings of a model in use hold what they say."""

import re
from itertools import pairwise

import pytest

from rarecall.report.charts import (
    decision_chart,
    icon_chart,
    interval_strip,
    reliability_chart,
)
from rarecall.report.charts.icons import whole_counts
from rarecall.report.in_use.stored import Bin, Decision
from rarecall.report.records import Estimate


def signs(drawn):
    """Count discs and crosses by their style."""
    paths = re.findall(r'<path d="([^"]+)" style="([^"]+)"', drawn)
    return [(max(path.count("h0"), path.count("l6 6")), style) for path, style in paths]


def test_a_thousand_cases_are_a_thousand_signs():
    drawn = icon_chart(18.6, 237.1, 1.4)
    counts = [count for count, _ in signs(drawn)]
    assert counts[:4] == [19, 1, 237, 743]
    assert sum(counts[:4]) == 1000
    assert "1000 cases: 19 real alarms, 1 missed, 237 false alarms, 743 not flagged" in drawn


def test_missed_cases_differ_in_shape_and_not_only_in_colour():
    (_, real), (_, missed), *_ = signs(icon_chart(10, 20, 10))
    assert "stroke-width:8" in real
    assert "stroke-width:2.4" in missed
    assert "l6 6m0-6l-6 6" in icon_chart(10, 20, 10)


@pytest.mark.parametrize("counts", [(0, 0, 0), (1000, 0, 0), (0.2, 0.3, 0.4), (500.5, 499.5, 0)])
def test_extreme_counts_can_be_drawn(counts):
    drawn = icon_chart(*counts)
    assert sum(count for count, _ in signs(drawn)[:-4]) == 1000


@pytest.mark.parametrize("counts", [(600, 600, 0), (-1, 0, 0)])
def test_what_is_no_count_of_a_thousand_is_not_drawn(counts):
    assert icon_chart(*counts) is None


def test_rounded_counts_keep_their_total():
    assert whole_counts([0.5, 0.5, 999.0], 1000) == [1, 0, 999]
    assert sum(whole_counts([333.3, 333.3, 333.4], 1000)) == 1000


def test_a_strip_lies_within_its_ends():
    drawn = interval_strip(Estimate(0.97, 0.5, 1.0), (0.9, 1.0), required=0.95)
    xs = [float(x) for x in re.findall(r"[MH](\d+\.\d)", drawn)]
    assert min(xs) == 5
    assert max(xs) == 105
    assert 'cx="75.0"' in drawn
    assert "M55.0 0V14" in drawn


def test_an_unknown_rate_is_no_strip_and_one_without_interval_a_point():
    assert interval_strip(Estimate()) == ""
    assert "stroke-width:2" not in interval_strip(Estimate(0.5))


def bins(*pairs):
    return [Bin(50, mean, Estimate(rate, max(rate - 0.1, 0), rate + 0.1)) for mean, rate in pairs]


def test_a_reliability_diagram_says_every_group():
    drawn = reliability_chart(bins((0.1, 0.2), (0.7, 0.6)))
    assert "10.0% said, 20.0% of 50 critical; 70.0% said, 60.0% of 50 critical." in drawn
    assert ">70%</text>" in drawn or ">60%</text>" in drawn
    assert reliability_chart([]) is None


def test_rare_classes_stretch_the_axes_near_zero_and_labels_do_not_collide():
    drawn = reliability_chart(bins((0.0001, 0.0), (0.001, 0.0), (0.4, 0.35), *[(0.01, 0.0)] * 9))
    assert ">1%</text>" in drawn
    axis = re.findall(r'text-anchor:middle[^"]*" x="([\d.]+)" y="309.2">[\d.]+%<', drawn)
    places = [float(place) for place in axis]
    assert len(places) > 3
    assert min(after - before for before, after in pairwise(places)) > 25


@pytest.mark.parametrize("level", [0.0, -0.3, 0.2])
def test_a_decision_curve_is_drawn_whatever_the_model_is_worth(level):
    found = Decision((0.1, 0.2, 0.3), (level,) * 3, (0.1, 0.0, -0.2), 0.2)
    drawn = decision_chart(found)
    for name in ("act on the model", "act on everyone", "act on no one"):
        assert f">{name}</text>" in drawn
    assert 'aria-label="Decision curve.' in drawn
