"""Analyses agree with closed forms and with what the papers print, where that is right."""

from __future__ import annotations

import pytest

from rarecall.errors import ConfigurationError
from rarecall.papers.analyses import TOY, analyse, analysis_names, contribution, violations


def by_label(name: str) -> dict[str, dict]:
    return {one["label"]: one for one in analyse(name).values}


def test_the_toy_example_gives_the_paper_s_decreases_but_one() -> None:
    assert violations(TOY) == [8.0, 2.0, 1.0, 0.0, 0.0]
    found = list(by_label("toy_ranking").values())[1:]
    assert [one["value"] for one in found] == pytest.approx([39 / 50, 3 / 25, 19 / 50, 3 / 25])
    assert [one["printed"] for one in found[:3]] == pytest.approx(
        [one["value"] for one in found[:3]]
    )
    assert found[3]["printed"] == pytest.approx(11 / 25)


def naive(error: float, positives: int, negatives: int, *, on_positive: bool) -> float:
    """Loss of one misplaced sample by the sums of the supplement, mu and lambda of one."""
    if on_positive:
        q = sum(error + k for k in range(negatives - 1))
        return 0.5 * q**2 + (1 + q) * q
    each = [error + k for k in range(positives - 1)]
    return sum(0.5 * q**2 + (1 + q) * q for q in each)


@pytest.mark.parametrize("error", [0.5, 1.0, 7.0])
def test_contributions_are_the_sums_of_the_supplement_less_their_constants(error: float) -> None:
    for on_positive, power, others in ((True, 2, 20), (False, 1, 5)):
        own = contribution(error, power, others)
        whole = naive(error, 5, 20, on_positive=on_positive)
        assert own == pytest.approx(whole - naive(0.0, 5, 20, on_positive=on_positive))


def test_a_positive_s_error_weighs_more_at_equal_size() -> None:
    (figure,) = analyse("error_contributions").figures
    positive, negative = (one["values"] for one in figure["series"])
    assert positive[0] == negative[0] == 0.0
    assert all(p > n for p, n in zip(positive[1:], negative[1:], strict=True))


def test_printed_class_sizes_follow_from_the_ratio_but_for_those_named() -> None:
    found = by_label("class_sizes_of_lct")
    differ = {label for label, one in found.items() if one["value"] != one["printed"]}
    assert differ == {
        "Household at 1:200",
        *(f"Dogs vs. Cats at 1:{ratio}" for ratio in (10, 100, 200)),
    }
    assert all(label in analyse("class_sizes_of_lct").notes[0] for label in differ)


def test_linear_densities_have_unit_area() -> None:
    densities, functions = analyse("linear_densities").figures
    step = densities["x"]["values"][1]
    for one in densities["series"]:
        values = one["values"]
        assert step * (sum(values) - (values[0] + values[-1]) / 2) == pytest.approx(1.0)
    assert all(one["values"][-1] == pytest.approx(1.0) for one in functions["series"])


def test_points_are_ranked_by_both_losses() -> None:
    from rarecall.papers.toy_points import added_points

    names, found = added_points(steps=40, repeats=1)
    assert set(found) == {"AUC-S", "AUC-M"}
    assert all(len(values) == len(names) for values in found.values())
    assert all(0.8 < value <= 1.0 for values in found.values() for value in values)
    assert added_points(steps=40, repeats=1)[1] == found


def test_unknown_analyses_say_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match="toy_ranking"):
        analyse("toy")
    assert len(analysis_names()) == 5
