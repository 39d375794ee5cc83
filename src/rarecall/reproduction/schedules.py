"""A protocol's ``training``, which counts in epochs, as settings, which count in steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError
from rarecall.training import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Mapping


def stage_shares(given: Any, told: Mapping[str, Any]) -> Any:
    """Give the milestones of stages as shares of a training.

    Args:
        given: Shares, as they are; or counts as papers print them, ``{epochs: [10, 20, 30], of:
            35}`` or ``{steps: [2000, 8000], of: 13963}``; without ``of``, of the training's own
            ``epochs`` or ``steps``.
        told: The training.

    Raises:
        ConfigurationError: The counts are of nothing, or lie beyond it.

    >>> stage_shares({"epochs": [10, 20], "of": 40}, {"steps": 8}), stage_shares([0.5], {})
    ([0.25, 0.5], [0.5])
    """
    if not isinstance(given, dict):
        return given
    units = [unit for unit in ("epochs", "steps") if unit in given]
    total = given.get("of", told.get(units[0]) if units else None)
    if len(units) != 1 or set(given) - {*units, "of"} or not total:
        raise ConfigurationError(
            "milestones are shares, [0.5, 0.75], or counts, {epochs: [10, 20], of: 40} or {steps: "
            f"[2000, 8000], of: 14000}}, not {dict(given)}."
        )
    counts = given[units[0]]
    if not all(0 < count < total for count in counts):
        raise ConfigurationError(
            f"milestones at {units[0]} {counts} do not lie within {total:g} {units[0]}. Say `of` "
            "how many they are."
        )
    return [count / total for count in counts]


def train_settings(
    told: Mapping[str, Any], n_train: int, *, device: str = "auto", threads: int | None = None
) -> TrainSettings:
    """Turn a protocol's ``training``, which counts in epochs, into settings, which count in steps.

    An epoch is as many steps as batches cover the training set; it ends with an evaluation. Rows
    that a method replays count in the batch, so that every method forwards as many rows.

    Args:
        told: ``epochs`` (or ``steps``), ``batch_size``, ``learning_rate`` …; ``schedule`` is
            ``constant``, ``cosine`` or ``{milestones: shares of the epochs, factor}``.
        n_train: Rows of the training set.
        device: As of :class:`~rarecall.training.TrainSettings`.
        threads: Likewise.

    Raises:
        ConfigurationError: A value cannot be used.

    >>> told = {"epochs": 10, "batch_size": 64, "learning_rate": 0.1,
    ...         "schedule": {"milestones": [0.5, 0.75], "factor": 0.1}}
    >>> settings = train_settings(told, 1000)
    >>> settings.steps, settings.evaluate_every, settings.milestones
    (160, 16, (0.5, 0.75))
    """
    given = dict(told)
    batch = min(int(given.pop("batch_size", 64)), n_train)
    an_epoch = max(1, math.ceil(n_train / batch))
    epochs, steps = given.pop("epochs", None), given.pop("steps", None)
    if steps is None:
        if epochs is None:
            raise ConfigurationError("training needs epochs, or steps.")
        steps = max(1, round(float(epochs) * an_epoch))
    schedule = given.pop("schedule", "constant")
    if not isinstance(schedule, str):
        given["milestones"] = tuple(float(share) for share in schedule["milestones"])
        given["factor"] = float(schedule.get("factor", 0.1))
        schedule = "steps"
    warmup = round(float(given.pop("warmup_epochs", None) or 0) * an_epoch)
    # What the papers do not do is off unless the protocol asks for it.
    usual = {
        "clip": None,
        "patience": None,
        "augment": "none",
        "optimizer": "sgd",
        "precision": "32-true",
    }
    given = {name: value for name, value in given.items() if value is not None or name in usual}
    try:
        return TrainSettings(
            **usual
            | given
            | {
                "steps": int(steps),
                "evaluate_every": min(an_epoch, int(steps)),
                "batch_size": batch,
                "schedule": schedule,
                "warmup_steps": warmup,
                "device": device,
                "threads": threads,
            }
        )
    except TypeError as error:
        raise ConfigurationError(f"training has a part that is unknown: {error}") from error
