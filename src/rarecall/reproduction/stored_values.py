"""The values of a stored reproduction: measures, own values, differences; each may be unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


MEAN_AUC = "mean_auc"
"""What the AUC of several labels is called here, since it is the mean of theirs."""


@dataclass(frozen=True)
class Measure:
    """One column of the table: what is measured, and how it is written.

    Attributes:
        label: As the paper's column is called.
        kind: Name of the measure, ``"fpr_at_tpr"``, ``"auc"``.
        at: Level of a rate at a level (a TPR, an FPR, missed cases), or None.
        lower: Whether lower is better.
        percent: Whether it is a rate that reports write in percent.
        single: Whether the paper's value is the mean over single networks, not of an ensemble.
        views: Whether it is of scores averaged over augmented copies of the test samples.
    """

    label: str
    kind: str
    at: float | None
    lower: bool
    percent: bool
    single: bool = False
    views: bool = False

    @property
    def title(self) -> str:
        """Name it for a column.

        >>> Measure("98", "fpr_at_tpr", 0.98, True, True).title
        'FPR at 98% TPR'
        """
        of = [", single networks"] * self.single + [", augmented copies"] * self.views
        return self._title + "".join(of)

    @property
    def _title(self) -> str:
        if self.at is None:
            known = {
                "auc": "AUC",
                MEAN_AUC: "Mean AUC",
                "accuracy": "Accuracy",
                "balanced_accuracy": "Balanced accuracy",
                "class_accuracy": f"Accuracy for {self.label}",
                "label_auc": f"AUC for {self.label}",
            }
            return known.get(self.kind, self.label)
        level = f"{100 * self.at:.6g}%"
        titles = {
            "fpr_at_tpr": f"FPR at {level} TPR",
            "mean_fpr_at_tpr": f"Mean FPR at {level} TPR",
            "tpr_at_fpr": f"TPR at {level} FPR",
            "fpr_at_misses": f"FPR at {self.at:g} missed",
            "precision_at_recall": f"Precision at {level} recall",
        }
        return titles.get(self.kind, self.label)

    @property
    def place(self) -> str:
        """Name it at the end of a sentence.

        >>> Measure("98", "fpr_at_tpr", 0.98, True, True).place
        'at 98% TPR'
        >>> Measure("AUC", "auc", None, False, True).place
        'in AUC'
        """
        if self.kind == "fpr_at_tpr" and self.at is not None:
            return self.title.removeprefix("FPR ")
        title = self.title
        return f"in {title[0].lower() + title[1:] if self.kind == MEAN_AUC else title}"


@dataclass(frozen=True)
class Own:
    """Values measured here for one cell.

    ``low`` and ``high`` are the interval over test samples, ``split_low`` and ``split_high`` that
    over splits; ``single_*`` tell of single models, ``splits`` holds one value a split.
    """

    ensemble: float | None
    low: float | None
    high: float | None
    split_mean: float | None
    split_sd: float | None
    split_low: float | None
    split_high: float | None
    single_mean: float | None
    single_sd: float | None
    splits: tuple[float, ...]

    @property
    def value(self) -> float | None:
        """The number beside the paper's: the ensemble's, else the mean over splits or models."""
        found = (self.ensemble, self.split_mean, self.single_mean)
        return next((value for value in found if value is not None), None)


@dataclass(frozen=True)
class Against:
    """A row minus its baseline on the same test samples."""

    baseline: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    holm: float | None

    @property
    def adjusted(self) -> float | None:
        """The p-value to judge by: adjusted for the number of comparisons where that is known."""
        return self.p if self.holm is None else self.holm


def number(stored: object) -> float | None:
    """Take a finite number, or None."""
    if isinstance(stored, bool) or not isinstance(stored, int | float):
        return None
    return float(stored) if math.isfinite(stored) else None


def numbers(stored: object) -> tuple[float, ...]:
    """Take the finite numbers of a list."""
    found = [number(one) for one in stored] if isinstance(stored, list | tuple) else []
    return tuple(one for one in found if one is not None)


def whole(stored: object) -> int | None:
    """Take a whole number, or None."""
    found = number(stored)
    return None if found is None else int(found)


def read_measure(stored: Mapping[str, Any]) -> Measure:
    """Read an entry of ``measures``."""
    levels = [number(stored.get(key)) for key in ("tpr", "fpr", "misses", "recall")]
    return Measure(
        label=str(stored["label"]),
        kind=str(stored.get("measure") or ""),
        at=next((level for level in levels if level is not None), None),
        lower=stored.get("better") == "lower",
        percent=bool(stored.get("percent")),
        single=stored.get("of") == "single",
        views=bool(stored.get("views")),
    )


def read_own(stored: Mapping[str, Any]) -> Own:
    """Read an entry of ``own``."""
    return Own(
        ensemble=number(stored.get("ensemble")),
        low=number(stored.get("low")),
        high=number(stored.get("high")),
        split_mean=number(stored.get("split_mean")),
        split_sd=number(stored.get("split_sd")),
        split_low=number(stored.get("split_low")),
        split_high=number(stored.get("split_high")),
        single_mean=number(stored.get("single_mean")),
        single_sd=number(stored.get("single_sd")),
        splits=numbers(stored.get("splits")),
    )


def read_against(stored: Mapping[str, Any], baseline: object) -> Against:
    """Read an entry of ``against``; ``baseline`` is the row's, where the entry names none."""
    names = ("difference", "low", "high", "p", "holm")
    return Against(
        str(stored.get("baseline") or baseline), *(number(stored.get(name)) for name in names)
    )


def brief(citation: str) -> str:
    """Shorten a citation to authors, venue and year.

    >>> brief("Mohammadi, Zhao, Zhai and Tung, Ranking Regularization: A Title, CVPR 2023")
    'Mohammadi et al., CVPR 2023'
    >>> brief("Anonymous authors, A Title, under review 2024"), brief("My notes")
    ('Anonymous authors, under review 2024', 'My notes')
    """
    words = [part.strip() for part in citation.split(",")]
    if len(words) < 3:
        return citation
    first = words[0].removesuffix(" et al.").split(" and ")[0]
    # A name alone is the first of several authors.
    return f"{first}{'' if ' ' in first else ' et al.'}, {words[-1]}"
