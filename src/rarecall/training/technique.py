"""What the options of a method's name change in the training, beside its objective."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.methods import Method

AverageKind = Literal["swa", "ema"]

SETTINGS_OF_PESG = ("learning_rate", "weight_decay")
"""Parameters of the word ``pesg`` that take the place of a setting's default."""


@dataclass(frozen=True, kw_only=True)
class Stages:
    """The proximal optimiser of the AUC losses (``pesg``).

    Attributes:
        proximal: γ >= 0, the pull towards the average weights of the stage before.
        stages: Equal parts of the steps, >= 1.
        decay: What the learning rate is divided by between two stages, >= 1.
        momentum: In [0, 1).
        milestones: Shares of the steps, ascending, in (0, 1), at which a stage begins; they take
            the place of equal parts. None: equal parts.
    """

    proximal: float = 1 / 500
    stages: int = 3
    decay: float = 10.0
    momentum: float = 0.0
    milestones: tuple[float, ...] | None = None

    def stage(self, step: int, steps: int) -> int:
        """Give the number of the stage that a step belongs to, both counted from 0.

        >>> [Stages(stages=3).stage(step, 9) for step in range(9)]
        [0, 0, 0, 1, 1, 1, 2, 2, 2]
        >>> [Stages(milestones=(0.5, 0.75)).stage(step, 8) for step in range(8)]
        [0, 0, 0, 0, 1, 1, 2, 2]
        """
        if self.milestones is not None:
            return sum(step >= share * steps for share in self.milestones)
        return min(step * self.stages // steps, self.stages - 1)

    def begins(self, step: int, steps: int) -> bool:
        """Whether a stage after the first begins with this step."""
        return step > 0 and self.stage(step, steps) > self.stage(step - 1, steps)


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """Averaged weights (``swa``).

    Attributes:
        kind: ``"swa"``: equal average, the learning rate stays where it was when averaging
            began; ``"ema"``: moving average.
        start: Share of the steps after which averaging begins, in [0, 1).
        decay: Share of the past at each step, in (0, 1), with ``"ema"``.
    """

    kind: AverageKind = "swa"
    start: float = 0.75
    decay: float = 0.99

    def first(self, steps: int) -> int:
        """First step (counted from 0) after which the weights are averaged.

        >>> Averaging(start=0.75).first(100)
        75
        """
        return min(int(self.start * steps), steps - 1)


@dataclass(frozen=True, kw_only=True)
class Technique:
    """How a method is trained; by default like every other.

    Attributes:
        balanced: Share of critical rows in every batch's new rows, in (0, 1); None: as they come.
        blend: Largest share of another image that is laid over a critical one, in (0, 1]; None:
            images stay as they are.
        radius: ρ > 0 of sharpness-aware steps; None: plain steps.
        stages: The proximal optimiser instead of the one that the settings name, or None.
        averaging: Averaged weights, or None.

    Raises:
        ConfigurationError: Names every value that cannot be used.

    >>> from rarecall.methods import parse
    >>> Technique.of(parse("bce+sam+balanced"), {"balanced.share": 0.25})
    Technique(balanced=0.25, blend=None, radius=0.1, stages=None, averaging=None)
    """

    balanced: float | None = None
    blend: float | None = None
    radius: float | None = None
    stages: Stages | None = None
    averaging: Averaging | None = None

    def __post_init__(self) -> None:
        wrong: list[str] = []

        def within(name: str, value: Any, good: Any, bounds: str) -> None:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and good(value)):
                wrong.append(f"{name} must be {bounds}, not {value!r}")

        if self.balanced is not None:
            within("balanced.share", self.balanced, lambda x: 0 < x < 1, "between 0 and 1")
        if self.blend is not None:
            within("blend.amount", self.blend, lambda x: 0 < x <= 1, "above 0 and at most 1")
        if self.radius is not None:
            within("sam.radius", self.radius, lambda x: x > 0, "above 0")
        if (stages := self.stages) is not None:
            within("pesg.proximal", stages.proximal, lambda x: x >= 0, "0 or more")
            within("pesg.stages", stages.stages, lambda x: x >= 1 and x == int(x), "1, 2, 3 …")
            within("pesg.decay", stages.decay, lambda x: x >= 1, "1 or more")
            within("pesg.momentum", stages.momentum, lambda x: 0 <= x < 1, "in [0, 1)")
            if stages.milestones is not None:
                _check_milestones(stages.milestones, wrong)
        if (averaging := self.averaging) is not None:
            kinds = get_args(AverageKind)
            if averaging.kind not in kinds:
                wrong.append(f"swa.kind must be {' or '.join(kinds)}, not {averaging.kind!r}")
            within("swa.start", averaging.start, lambda x: 0 <= x < 1, "in [0, 1)")
            within("swa.decay", averaging.decay, lambda x: 0 < x < 1, "between 0 and 1")
        if wrong:
            raise ConfigurationError("; ".join(wrong) + ".")

    @classmethod
    def of(cls, method: Method, parameters: Mapping[str, Any] | None = None) -> Technique:
        """Read a method's options; of a two-stage method those of its last stage.

        Args:
            method: The parsed name.
            parameters: Values that differ from the defaults, as ``{"sam.radius": 0.05}``.

        Raises:
            MethodError: A parameter is unknown.
            ConfigurationError: A value cannot be used.
        """
        given = {
            word: method.option(word, parameters)
            for word in ("balanced", "blend", "sam", "pesg", "swa")
            if method.has(word)
        }
        stages = None
        if "pesg" in given:
            # Rate and decay of the weights are settings: whoever trains gives them.
            own = {k: v for k, v in given["pesg"].items() if k not in SETTINGS_OF_PESG}
            if isinstance(own["milestones"], list):
                own["milestones"] = tuple(own["milestones"])
            stages = Stages(**own)
        return cls(
            balanced=given["balanced"]["share"] if "balanced" in given else None,
            blend=given["blend"]["amount"] if "blend" in given else None,
            radius=given["sam"]["radius"] if "sam" in given else None,
            stages=stages,
            averaging=Averaging(**given["swa"]) if "swa" in given else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, by which a checkpoint knows its training."""
        told = asdict(self)
        if told["stages"] is not None and told["stages"]["milestones"] is None:
            # Checkpoints of before there were any stay loadable.
            del told["stages"]["milestones"]
        return told


def _check_milestones(given: Any, wrong: list[str]) -> None:
    shares = given if isinstance(given, tuple) else ()
    good = all(isinstance(x, int | float) and not isinstance(x, bool) and 0 < x < 1 for x in shares)
    if not (shares and good and list(shares) == sorted(set(shares))):
        wrong.append(
            "pesg.milestones must be ascending shares of the steps between 0 and 1, as "
            f"[0.5, 0.75], not {given!r}"
        )


PLAIN = Technique()
"""Trained like every other method."""
