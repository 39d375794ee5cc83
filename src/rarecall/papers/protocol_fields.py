"""What a protocol says, field by field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a protocol and a resolved one have in common.

    Attributes:
        name: As ``rarecall`` calls it, ``"alm-table-1"``.
        paper: Name of the paper's text.
        place: As the paper calls it, ``"Table 1"``.
        title: What it shows.
        kind: ``"table"``, ``"figure"`` or ``"analysis"``.
        printed: Names of its printed tables (:func:`~rarecall.papers.paper_table`); the first gives
            the labels.
        settings: By printed label: ``collection``, ``task`` (``binary``, ``multiclass`` or
            ``multilabel``), ``imbalance`` (``protocol`` and its parameters), and where needed
            ``size`` (pixels), ``network`` and ``training`` (over the protocol's); ``printed:
            false`` for those that the paper lacks.
        measures: By printed label: ``measure`` and its arguments; ``of: single`` is the mean over
            single networks, where else the ensemble is measured; ``views: true`` measures scores
            averaged over augmented copies of the test samples, ``test_views`` of them.
        rows: By printed label: ``method``, or a recipe (``recommended``); ``parameters`` of the
            method or of its training; ``by_setting``, parameters that differ by setting;
            ``baseline``, the row it is compared with, and whose chosen hyper-parameters it starts
            from; ``training`` and ``network``, over the protocol's; ``members``; ``tta``, mirrored
            copies whose scores are averaged (``flip``, ``flips``); ``metadata``, columns of
            patients' data that a second network takes beside the images (``all`` for all that
            there are); ``printed: false`` for rows that the paper lacks.
        network: ``name``, ``options``, and ``weights``, a file of weights to start from (seen from
            a protocol's own file).
        training: As :class:`~rarecall.training.TrainSettings` says, with ``epochs`` (or
            ``steps``), ``warmup_epochs``, and ``schedule`` ``constant``, ``cosine`` or
            ``{milestones: [shares of the steps], factor: …}``.
        pretrain: How the first stage of ``a>b`` differs from ``training``; None for nothing.
        members: Networks of an ensemble.
        splits: Redraws of the data (``vary: split``) or of the seed alone (``vary: seed``).
        vary: ``"split"`` or ``"seed"``.
        test_views: Augmented copies of every test sample, changed as training changes its batches,
            whose mean score the measures with ``views: true`` are of; 0 for none.
        search: Stages, in order, each on validation and for every setting: ``stage``, its name;
            ``of``, rows; ``grid``, values by parameter; ``measure``.
        curves: What a figure draws: ``kind`` (``roc``, ``lines``, ``bars``, ``scatter``,
            ``heatmap``, ``histogram``); ``x`` with ``label`` and ``of`` (``settings``,
            ``measures`` or ``epochs``) or ``parameter``; ``y`` or ``z``, measures; ``series``,
            rows; ``conditions``, values of λ. None for tables.
        analysis: Name of the function of :mod:`rarecall.papers.analyses` that answers without
            training, or None.
        doubts: What looks wrong in print, or is left open there, and what is taken instead.
        cost: Estimates, not measurements: ``gpu_hours`` of one H200-class card at full scale,
            ``cpu_hours_small`` on two cores.
    """

    name: str
    paper: str
    place: str
    title: str
    kind: str = "table"
    printed: tuple[str, ...] = ()
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    pretrain: dict[str, Any] | None = None
    members: int = 1
    splits: int = 1
    vary: str = "split"
    test_views: int = 0
    search: tuple[dict[str, Any], ...] = ()
    curves: dict[str, Any] | None = None
    analysis: str | None = None
    doubts: tuple[str, ...] = ()
    cost: dict[str, float] = field(default_factory=dict)

    @property
    def collections(self) -> tuple[str, ...]:
        """Names of the data sets that it needs."""
        found = (setting.get("collection") for setting in self.settings.values())
        return tuple(dict.fromkeys(name for name in found if name))

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks that it trains."""
        parts = [self.network, *_of(self.settings, "network"), *_of(self.rows, "network")]
        return tuple(dict.fromkeys(part["name"] for part in parts if part.get("name")))

    def parameters(self, row: str, setting: str) -> dict[str, Any]:
        """Give a row's parameters in a setting, before any search.

        >>> from rarecall.papers.protocol import protocol
        >>> protocol("alm-table-1").parameters("ALM + BCE", "1:200")["alm.penalty"]
        1e-05
        """
        told = self.rows[row]
        return {**(told.get("parameters") or {}), **(told.get("by_setting") or {}).get(setting, {})}


@dataclass(frozen=True, kw_only=True)
class Protocol(Description):
    """A table, figure or analysis of a paper, ready to be run; fields as said above.

    Attributes:
        scales: What ``"small"`` and ``"smoke"`` change: any field. A list of ``settings`` or
            ``rows`` keeps those, ``{label: changes}`` in it changes one, too.
    """

    scales: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Units:
    """How much work a resolved protocol is.

    Attributes:
        trainings: Networks trained for the table: settings, rows, splits and members multiplied.
        trials: Networks trained in searches, at most.
    """

    trainings: int
    trials: int


@dataclass(frozen=True, kw_only=True)
class ResolvedProtocol(Description):
    """A protocol at one scale and in one mode.

    Attributes:
        scale: ``"full"``, ``"small"`` or ``"smoke"``.
        mode: ``"strict"`` or ``"as-published"``; see :mod:`rarecall.data.imbalance`.
    """

    scale: str
    mode: str

    @property
    def units(self) -> Units:
        """Count the trainings.

        >>> from rarecall.papers.protocol import protocol, resolve
        >>> resolve(protocol("alm-table-1"), "full").units.trainings == 17 * 2 * 10
        True
        """
        per_row = [int(row.get("members", self.members)) for row in self.rows.values()]
        trials = 0
        for stage in self.search:
            combinations = 1
            for values in stage["grid"].values():
                combinations *= len(values)
            trials += combinations * len(stage["of"]) * len(self.settings)
        return Units(len(self.settings) * self.splits * sum(per_row), trials)


def _of(parts: Mapping[str, Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    return [part[key] for part in parts.values() if part.get(key)]
