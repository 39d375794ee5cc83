"""What needs no data and no search: toy examples, curves of formulas, counts.

They run in seconds and are written in the form of a reproduction's figures, ``kind``, ``title``,
``x``, ``y`` and ``series``, so that one page draws all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rarecall.errors import ConfigurationError
from rarecall.papers.printed import paper_table


@dataclass(frozen=True)
class Analysis:
    """What an analysis found.

    Attributes:
        values: A record each: ``label``, ``value`` and ``printed``, the paper's or None.
        figures: As in a reproduction's results.
        notes: What they show, in sentences.
    """

    values: list[dict[str, Any]]
    figures: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"values": self.values, "figures": self.figures, "notes": self.notes}


def analysis_names() -> tuple[str, ...]:
    """Name the analyses, as protocols do under ``analysis``.

    >>> analysis_names()
    ('toy_ranking', 'error_contributions', 'class_sizes_of_lct', 'linear_densities', 'added_points')
    """
    return tuple(_ANALYSES)


def analyse(name: str) -> Analysis:
    """Run an analysis.

    Raises:
        ConfigurationError: There is none of that name.

    >>> [(one["label"], one["value"]) for one in analyse("toy_ranking").values][:1]
    [('largest violation of a positive', 8.0)]
    """
    if name not in _ANALYSES:
        raise ConfigurationError(
            f"There is no analysis {name!r}; there are {', '.join(_ANALYSES)}."
        )
    return _ANALYSES[name]()


TOY = "NNPNNPPNPP"
"""Ten samples of the ALM paper's figure 1, from the lowest score to the highest, a unit apart."""


def violations(order: str) -> list[float]:
    r"""Give :math:`q_j` of every positive in an order of unit gaps, margin 0, lowest first.

    >>> violations(TOY)
    [8.0, 2.0, 1.0, 0.0, 0.0]
    """
    at = {side: [k for k, kind in enumerate(order) if kind == side] for side in "PN"}
    return [float(sum(max(0, negative - own) for negative in at["N"])) for own in at["P"]]


def _swapped(order: str, k: int) -> str:
    return order[:k] + order[k + 1] + order[k] + order[k + 2 :]


def _toy_ranking() -> Analysis:
    before = np.array(violations(TOY))
    pairs = TOY.count("P") * TOY.count("N")
    values: list[dict[str, Any]] = [
        {"label": "largest violation of a positive", "value": float(before.max()), "printed": None}
    ]
    swaps = {"lowest positive": TOY.index("P"), "highest negative": TOY.rindex("N") - 1}
    printed = {"lowest positive": (39 / 50, 3 / 25), "highest negative": (19 / 50, 11 / 25)}
    for side, k in swaps.items():
        after = np.array(violations(_swapped(TOY, k)))
        quadratic = float((before**2 - after**2).sum() / (2 * pairs))
        linear = float((before - after).sum() / pairs)
        for term, value, told in zip(
            ("quadratic (times mu D^2)", "linear (times lambda D)"),
            (quadratic, linear),
            printed[side],
            strict=True,
        ):
            label = f"decrease when the {side} swaps, {term}"
            values.append({"label": label, "value": value, "printed": told})
    labels = [one["label"] for one in values[1:]]
    figure = {
        "kind": "bars",
        "title": "What each swap takes from the constraint's loss",
        "x": {"label": "swap and term", "values": labels},
        "y": {"label": "decrease"},
        "series": [
            {"label": "own", "values": [one["value"] for one in values[1:]]},
            {"label": "paper", "values": [one["printed"] for one in values[1:]], "printed": True},
        ],
    }
    note = (
        "The quadratic term falls about twice as much when the lowest positive moves up, the "
        "linear term by the same: 3/25 for both swaps, where the paper prints 11/25 for the second."
    )
    return Analysis(values, [figure], [note])


def contribution(error: float, power: int, others: int, *, multiplier: float = 1.0) -> float:
    r"""Give what one misplaced sample adds to the ALM loss (supplement, eq. 12), gaps of one.

    .. math::
        \frac{3\mu}{2}\big[\Delta_E^2 (n-1)^k + \Delta_E (n-1)^k (n-2)\big] + \lambda \Delta_E (n-1)

    Args:
        error: How far it stands beyond the nearest sample of the other side.
        power: :math:`k`: 2 for a positive, one constraint that sums over negatives; 1 for a
            negative, which stands in as many constraints.
        others: Samples of the other side, :math:`n`.
        multiplier: λ, with μ of one.

    >>> contribution(1.0, 2, 3) > contribution(1.0, 1, 3)
    True
    """
    steps = others - 1
    quadratic = float(steps**power) * (error**2 + error * (others - 2))
    return 1.5 * quadratic + multiplier * error * steps


def _error_contributions() -> Analysis:
    positives, negatives = 5, 20
    errors = np.linspace(0.0, 60.0, 61)
    of_positive = [contribution(float(x), 2, negatives) for x in errors]
    of_negative = [contribution(float(x), 1, positives) for x in errors]
    at_one = contribution(1.0, 2, negatives)
    tried = np.arange(1.0, 1e3, 0.1)
    reach = float(
        tried[[contribution(float(x), 1, positives) >= at_one for x in tried].index(True)]
    )
    figure = {
        "kind": "lines",
        "title": "Share of the loss of a misplaced positive and of a misplaced negative",
        "x": {"label": "size of the error", "values": errors.tolist()},
        "y": {"label": "share of the loss"},
        "series": [
            {"label": "misplaced positive", "values": of_positive},
            {"label": "misplaced negative", "values": of_negative},
        ],
    }
    ratio = at_one / contribution(1.0, 1, positives)
    note = (
        f"With {positives} positives and {negatives} negatives an error of one weighs "
        f"{ratio:.0f} times as much on a positive; a negative must stand {reach:.1f} off to weigh "
        "as much as a positive that stands 1 off."
    )
    values = [
        {"label": "weight of a positive's error of 1 over a negative's", "value": ratio},
        {"label": "error of a negative that weighs as a positive's of 1", "value": reach},
    ]
    return Analysis([{**one, "printed": None} for one in values], [figure], [note])


POOLS = {
    "CIFAR10 pair": (5000, 1000, 1000),
    "Household": (2500, 500, 500),
    "Dogs vs. Cats": (11500, 1000, 1000),
    "SIIM-ISIC Melanoma": (41051, 12300, 1035),
    "APTOS Diabetic Retinopathy": (1444, 361, 370),
}
"""Majority samples in training, then both classes of the test part, as printed."""


def _class_sizes_of_lct() -> Analysis:
    table, values = paper_table("lct-table-12"), []
    for label, (majority, *_) in POOLS.items():
        for ratio in (10, 100, 200):
            told = table.value(label, "samples", f"minority {ratio}")
            at = f"{label} at 1:{ratio}"
            values.append({"label": at, "value": float(majority // ratio), "printed": told})
    differ = [str(one["label"]) for one in values if one["value"] != one["printed"]]
    note = (
        f"Printed sizes are the majority over the ratio, rounded down, but for {', '.join(differ)}."
    )
    return Analysis(values, [], [note])


def _linear_densities() -> Analysis:
    from rarecall.conditioning import LinearDensity

    places = np.linspace(0.0, 3.0, 61)
    densities = {f"h_b = {h:.3g}": LinearDensity(0.0, 3.0, h) for h in np.linspace(0, 2 / 3, 5)}
    figures = [
        {
            "kind": "lines",
            "title": title,
            "x": {"label": "hyper-parameter", "values": places.tolist()},
            "y": {"label": axis},
            "series": [
                {"label": label, "values": [getattr(one, part)(float(x)) for x in places]}
                for label, one in densities.items()
            ],
        }
        for part, title, axis in (
            ("pdf", "Linear densities", "density"),
            ("cdf", "Their distribution functions", "share below"),
        )
    ]
    values = [
        {"label": f"mean, {label}", "value": one.mean, "printed": None}
        for label, one in densities.items()
    ]
    return Analysis(values, figures)


def _added_points() -> Analysis:
    from rarecall.papers.toy_points import added_points

    names, found = added_points()
    figure = {
        "kind": "bars",
        "title": "AUC of clean points after training on more of one kind",
        "x": {"label": "training points", "values": list(names)},
        "y": {"label": "AUC"},
        "series": [{"label": loss, "values": values} for loss, values in found.items()],
    }
    values = [
        {"label": f"AUC, {loss}, {name}", "value": value, "printed": None}
        for loss, each in found.items()
        for name, value in zip(names, each, strict=True)
    ]
    return Analysis(values, [figure])


_ANALYSES: dict[str, Callable[[], Analysis]] = {
    "toy_ranking": _toy_ranking,
    "error_contributions": _error_contributions,
    "class_sizes_of_lct": _class_sizes_of_lct,
    "linear_densities": _linear_densities,
    "added_points": _added_points,
}
