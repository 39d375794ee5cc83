"""How a network is trained: one immutable record, the same for every compared method."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Literal, get_args

from rarecall.errors import ConfigurationError, did_you_mean

Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["cosine", "constant", "steps"]
Precision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
Augment = str
"""What ``rarecall.training.augment`` can do, by its names."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": get_args(Optimizer),
    "schedule": get_args(Schedule),
    "precision": get_args(Precision),
}


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a network is trained.

    Attributes:
        steps: Optimiser steps in all, >= 1.
        evaluate_every: Steps between two evaluations on validation, >= 1; the last step is always
            followed by one. What the papers call an epoch.
        batch_size: Rows forwarded a step at most, replayed ones included, >= 1; never more than
            the training set holds.
        learning_rate: Highest learning rate, > 0.
        weight_decay: Decay of weight matrices; biases, normalisations and embeddings have none.
        optimizer: ``"adamw"``, ``"adam"`` or ``"sgd"``.
        momentum: Of ``"sgd"``, in [0, 1).
        schedule: ``"cosine"`` falls to zero at the last step; ``"constant"`` stays; ``"steps"``
            falls at every milestone.
        milestones: With ``"steps"``: shares of the steps, rising, in (0, 1), at each of which the
            learning rate is multiplied by ``factor``. The warm-up counts among the steps.
        factor: In (0, 1].
        warmup_steps: Steps in which the learning rate rises linearly, >= 0.
        clip: Largest Euclidean norm of the gradient, or None.
        patience: Evaluations without a better selection after which training stops, or None.
        smoothing: Share of the past in the running mean of the selection measure, in [0, 1).
        precision: ``"32-true"``, ``"bf16-mixed"``, ``"16-mixed"``; ``"auto"`` is 32 bits, but
            bf16-mixed for images on a graphics processor that has it.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; ``"auto"`` takes a CUDA device for
            images where there is one, else the processor.
        threads: Processor threads, or None to leave the number as it is.
        augment: For images: ``"crop"``, ``"flip"``, ``"crop+flip"`` or ``"none"``, or another name
            that the augmentation knows; ``"auto"`` is ``"crop+flip"`` where both sides have 16
            pixels or more.
        input_noise: Standard deviation of the noise added to a table's numbers (which have
            standard deviation 1; 0/1 columns get none), >= 0.

    Raises:
        ConfigurationError: Names every value that cannot be used.

    >>> TrainSettings(steps=0, evaluate_every=10, batch_size=64, schedule="cosin")
    Traceback (most recent call last):
    rarecall.errors.ConfigurationError: These training settings cannot be used:
      steps must be 1 or more, not 0
      schedule must be one of cosine, constant, steps, not 'cosin'. Did you mean 'cosine'?
    """

    steps: int
    evaluate_every: int
    batch_size: int
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "cosine"
    warmup_steps: int = 0
    clip: float | None = 1.0
    patience: int | None = None
    smoothing: float = 0.0
    precision: Precision = "auto"
    device: str = "auto"
    threads: int | None = None
    augment: Augment = "auto"
    input_noise: float = 0.0
    momentum: float = 0.9
    milestones: tuple[float, ...] = ()
    factor: float = 0.1

    def __post_init__(self) -> None:
        wrong: list[str] = []

        def least(name: str, low: float, *, strict: bool = False, whole: bool = False) -> None:
            value = getattr(self, name)
            if (name in ("clip", "patience", "threads")) and value is None:
                return
            kinds = int if whole else (int, float)
            if not isinstance(value, kinds) or isinstance(value, bool):
                wrong.append(f"{name} must be a {'whole ' if whole else ''}number, not {value!r}")
            elif not math.isfinite(value) or value < low or (strict and value == low):
                bound = f"above {low}" if strict else f"{low} or more"
                wrong.append(f"{name} must be {bound}, not {value!r}")

        for name in ("steps", "evaluate_every", "batch_size", "patience", "threads"):
            least(name, 1, whole=True)
        least("warmup_steps", 0, whole=True)
        for name in ("learning_rate", "clip"):
            least(name, 0, strict=True)
        for name in ("weight_decay", "smoothing", "input_noise", "momentum"):
            least(name, 0)
        least("factor", 0, strict=True)
        for name in ("smoothing", "momentum"):
            value = getattr(self, name)
            if isinstance(value, int | float) and value >= 1:
                wrong.append(f"{name} must be below 1, not {value!r}")
        if isinstance(self.factor, int | float) and self.factor > 1:
            wrong.append(f"factor must be 1 or less, not {self.factor!r}")
        wrong += _wrong_milestones(self.schedule, self.milestones)
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                near = did_you_mean(str(value), known)
                wrong.append(f"{name} must be one of {', '.join(known)}, not {value!r}.{near}")
        wrong += _wrong_augment(self.augment)
        if wrong:
            raise ConfigurationError(
                "\n  ".join(["These training settings cannot be used:", *wrong])
            )


def _wrong_milestones(schedule: str, milestones: object) -> list[str]:
    if not isinstance(milestones, tuple):
        return [f"milestones must be a tuple of shares of the steps, not {milestones!r}"]
    if (schedule == "steps") != bool(milestones):
        return [
            f"milestones belong to the schedule 'steps', which needs one at least; schedule is "
            f"{schedule!r} and they are {milestones!r}"
        ]
    shares = [0.0, *milestones, 1.0]
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in shares)
    if not numbers or any(not low < high for low, high in pairwise(shares)):
        return [f"milestones must be rising shares of the steps, in (0, 1), not {milestones!r}"]
    return []


def _wrong_augment(augment: object) -> list[str]:
    # Inside: it imports torch, which settings do not need.
    from rarecall.training.augment import check_augment

    try:
        check_augment(augment)  # type: ignore[arg-type]  # it is what is checked
    except ConfigurationError as error:
        return [str(error)]
    return []


def _power_of_two(number: float, low: int, high: int) -> int:
    exponent: int = round(math.log2(max(number, 1)))
    return min(max(1 << exponent, low), high)


def _table_defaults(n_train: int) -> dict[str, Any]:
    batch = 512 if n_train > 100_000 else _power_of_two(n_train / 32, 64, 256)
    # About forty passes: a small table is learnt by heart soon after thirty.
    passes = 40 * n_train / batch
    return {
        "steps": int(min(max(passes, 300), 3000)),
        "batch_size": min(batch, n_train),
        "learning_rate": 1.5e-3,
        "input_noise": 0.1,
        "patience": 12,
        "threads": 1,
    }


def _image_defaults(n_train: int) -> dict[str, Any]:
    passes = 40 * n_train / 64
    return {
        "steps": int(min(max(passes, 400), 2000)),
        "batch_size": min(64, n_train),
        "learning_rate": 2e-3,
        "weight_decay": 2e-2,
        "patience": 12,
    }


def default_settings(
    kind: Literal["table", "images"], n_train: int, **overrides: Any
) -> TrainSettings:
    """Give settings that are good without tuning and finish on two processor cores.

    Args:
        kind: Kind of data.
        n_train: Rows of the training part.
        overrides: Any field of :class:`TrainSettings`; those that depend on another (a number of
            evaluations on the number of steps) follow what is given here.

    Raises:
        ConfigurationError: A name or a value cannot be used.

    >>> default_settings("table", 5000, learning_rate=3e-4).learning_rate
    0.0003
    >>> default_settings("table", 5000, steps=100).evaluate_every
    4
    """
    known = [field.name for field in fields(TrainSettings)]
    unknown = [name for name in overrides if name not in known]
    if unknown:
        raise ConfigurationError(
            f"There is no training setting {', '.join(map(repr, unknown))}."
            f"{did_you_mean(unknown[0], known)} Known: {', '.join(known)}."
        )
    if kind not in ("table", "images"):
        raise ConfigurationError(f"kind must be 'table' or 'images', not {kind!r}.")
    chosen = _table_defaults(n_train) if kind == "table" else _image_defaults(n_train)
    chosen |= {name: value for name, value in overrides.items() if name in ("steps", "batch_size")}
    steps = chosen["steps"]
    if isinstance(steps, int) and steps >= 1:
        chosen["evaluate_every"] = math.ceil(steps / 25)
        chosen["warmup_steps"] = steps // 20
    return TrainSettings(**(chosen | overrides))
