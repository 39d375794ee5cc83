"""The drawing of a stored choice of λ."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree as ET

import pytest

from rarecall.report.charts.heatmap import heatmap_chart

NAMES = ["loss.gamma", "loss.tau", "ALMConstraint.margin"]
AXES = [[0.0, 0.15, 0.3], [0.0, 1.0, 2.0, 3.0], [0.1, 0.5]]


def record(dimensions: int, value=lambda *point: sum(point)) -> dict:
    names, axes = NAMES[:dimensions], AXES[:dimensions]
    points = list(itertools.product(*axes))
    values = [value(*point) for point in points]
    best = (
        max((v, p) for v, p in zip(values, points, strict=True) if v is not None)
        if any(v is not None for v in values)
        else (0.0, points[0])
    )
    return {
        "names": names,
        "axes": axes,
        "values": values,
        "best": dict(zip(names, best[1], strict=True)),
        "best_value": best[0],
        "measure": "AUC",
    }


def texts(drawn: str) -> list[str]:
    return [e.text for e in ET.fromstring(drawn).iter("text")]


def test_two_parameters_make_a_map_with_every_value_in_its_cell() -> None:
    drawn = heatmap_chart(record(2))
    assert set(texts(drawn)) >= {"0.000", "0.150", "3.300", "2.300", "AUC", "loss.gamma"}
    assert len(re.findall(r"fill:var\(--winner\)", drawn)) == 12
    assert drawn.count("stroke:var(--ink)") == 1  # the chosen cell
    bold = re.findall(r"<text[^>]*font-weight:600[^>]*>([^<]*)", drawn)
    assert bold == ["3.300"]


def test_a_better_cell_is_darker_and_the_ink_stays_readable() -> None:
    drawn = heatmap_chart(record(2, lambda gamma, tau: tau))
    shades = [float(shade) for shade in re.findall(r"opacity:([\d.]+)", drawn)]
    assert shades == [0.1, 0.2, 0.4, 0.5] * 3  # the second name's value varies fastest


def test_one_parameter_makes_a_line() -> None:
    drawn = heatmap_chart(record(1))
    assert {"chosen", "AUC", "loss.gamma", "0", "0.15", "0.3"} <= set(texts(drawn))


def test_of_more_parameters_those_are_drawn_that_matter_with_the_best_over_the_others() -> None:
    drawn = heatmap_chart(record(3, lambda gamma, tau, margin: 0.9 - gamma / 100 + margin))
    assert {"loss.gamma", "ALMConstraint.margin"} <= set(texts(drawn))
    assert "loss.tau" not in texts(drawn)
    best = heatmap_chart(record(3, lambda gamma, tau, margin: gamma * 100 + 10 * tau + margin))
    assert {"0.500", "60.500"} <= set(texts(best))  # with the margin 0.5
    assert "0.100" not in texts(best)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_rate_is_shown_as_a_rate(dimensions: int) -> None:
    drawn = heatmap_chart(record(dimensions, lambda *point: -0.1 - point[0]), rate=True)
    assert "10.0% at best" in drawn or "10.0% at best" in drawn.replace("&#8239;", "")
    assert any(text.endswith("%") for text in texts(drawn))
    assert not any(text.startswith(("-", "−")) for text in texts(drawn))


def test_values_that_hardly_differ_get_more_decimals() -> None:
    drawn = heatmap_chart(record(2, lambda gamma, tau: 0.91 + gamma / 1000))
    assert {"0.9100", "0.9103"} <= set(texts(drawn))


def test_a_value_that_was_not_finite_is_a_dash_and_none_at_all_no_chart() -> None:
    holed = record(2, lambda gamma, tau: None if tau == 0 else tau)
    assert texts(heatmap_chart(holed)).count("–") == 3
    assert heatmap_chart(record(2, lambda *_: None)) is None


def test_equal_values_and_names_of_users_do_no_harm() -> None:
    equal = record(2, lambda *_: 0.5)
    equal["measure"] = "<b>&$x$"
    drawn = heatmap_chart(equal)
    assert "&lt;b&gt;&amp;$x$" in drawn
    assert "<b>" not in drawn


def test_a_single_point_is_drawn() -> None:
    one = {**record(1), "axes": [[0.3]], "values": [0.9], "best": {"loss.gamma": 0.3}}
    assert "chosen" in texts(heatmap_chart(one))


def test_the_drawing_is_themed_described_and_the_same_every_time() -> None:
    drawn = heatmap_chart(record(2), name="lct")
    assert drawn == heatmap_chart(record(2), name="lct")
    assert "#f0000" not in drawn
    assert 'role="img"' in drawn
    assert "Chosen: loss.gamma 0.3, loss.tau 3." in drawn
    ids = re.findall(r' id="([^"]+)"', drawn)
    assert all(identifier.startswith("lct-") for identifier in ids)
