"""A delivered model: scores, probabilities and decisions for new samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data import Preprocessor, encode
from rarecall.delivery.augmented import views
from rarecall.delivery.manifest import Manifest
from rarecall.delivery.scoring import as_one, average, steady_scores
from rarecall.errors import ConfigurationError, RunError
from rarecall.metrics import assign_classes
from rarecall.metrics.views import score_column

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray
    from torch import nn

    from rarecall.calibration.base import Calibrator
    from rarecall.data import Samples
    from rarecall.objective import Objective
    from rarecall.task import Task
    from rarecall.thresholds import Certificate


@dataclass(frozen=True, eq=False)
class Delivered:
    """A delivered model: an ensemble, its preprocessing and its threshold or thresholds.

    Attributes:
        manifest: Everything that is known of it.
        preprocessor: Fitted on the training part.
        members: The networks.
        objective: Reads a network's logits as scores.
        certificates: What is promised for a threshold, by the number of its class or label; 1 in
            binary work.
        calibrators: Maps from scores to probabilities, by the same number.
    """

    manifest: Manifest
    preprocessor: Preprocessor
    members: list[nn.Module]
    objective: Objective
    certificates: dict[int, Certificate] = field(default_factory=dict)
    calibrators: dict[int, Calibrator] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder; nothing in it is executed, and every file is checked.

        Raises:
            RunError: There is no model, it is of another format, or a file is not what the
                manifest says.
        """
        from rarecall.delivery.reading import read_model

        found = read_model(folder)
        return found if isinstance(found, cls) else cls(**vars(found))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the scores; certificates name it."""
        return self.manifest.fingerprint

    @property
    def task(self) -> Task:
        """The kind of problem."""
        return self.manifest.problem

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes or labels by number; empty in binary work."""
        return () if self.task.kind == "binary" else tuple(self.manifest.classes)

    @property
    def threshold(self) -> float:
        """A sample is critical when its score is at least this; only in binary work.

        Raises:
            RunError: There are several; :attr:`thresholds` has them.
        """
        if self.task.kind != "binary":
            raise RunError("This model has a threshold a critical class: see `thresholds`.")
        return self.manifest.thresholds[0].value

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of every critical class or label, by its name."""
        return {one.name: one.value for one in self.manifest.thresholds}

    @property
    def certificate(self) -> Certificate | None:
        """What is promised in binary work; None where there is no certificate, or several."""
        return self.certificates.get(1) if self.task.kind == "binary" else None

    def score(self, samples: Samples) -> NDArray[np.float64]:
        """Score samples: the mean over members and views, higher is more critical.

        A sample's score has the same bits whatever other samples there are.

        Returns:
            Shape ``(n,)``; log-odds of every class ``(n, C)`` in multi-class work, a score of
            every label ``(n, L)`` in multi-label work.

        Raises:
            DataError: The samples do not have the columns or the size of the training.
        """
        return self.score_encoded(encode(self.preprocessor, samples).inputs)

    def score_encoded(self, inputs: Any) -> NDArray[np.float64]:
        """Score what the preprocessor made of samples; as :meth:`score`."""
        return average(
            [
                as_one(
                    [
                        steady_scores(member, self.objective, view, portion=self.manifest.portion)
                        for view in views(self.manifest.tta, inputs)
                        for member in members
                    ]
                )
                for members in self.groups()
            ]
        )

    def groups(self) -> list[list[nn.Module]]:
        """Give the members that count as one together."""
        found: dict[int, list[nn.Module]] = {}
        for told, member in zip(self.manifest.members, self.members, strict=True):
            found.setdefault(told.group, []).append(member)
        return list(found.values())

    def flag(self, samples: Samples) -> NDArray[np.bool_]:
        """Say which samples are critical at the delivered threshold, shape ``(n,)``.

        With several critical classes or labels: which are flagged for which, a column each in the
        order of :attr:`thresholds`, shape ``(n, K)``. A sample may be flagged for several.
        """
        return self.flag_scores(self.score(samples))

    def flag_scores(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Compare scores with the thresholds; as :meth:`flag`."""
        if self.task.kind == "binary":
            return scores >= self.threshold
        columns = scores[:, list(self.task.critical)]
        return np.asarray(columns >= np.asarray(list(self.thresholds.values())))

    def assign(self, samples: Samples) -> NDArray[np.str_]:
        """Give every sample to one class; only in multi-class work.

        A sample flagged for one critical class goes there; flagged for several, to the one whose
        threshold it exceeds most; flagged for none, to the best-scored of the other classes.

        Returns:
            Names of classes, shape ``(n,)``.

        Raises:
            RunError: The model is of another kind.
        """
        return self.assign_scores(self.score(samples))

    def assign_scores(self, scores: NDArray[np.float64]) -> NDArray[np.str_]:
        """Give scores ``(n, C)`` to one class each; as :meth:`assign`."""
        if self.task.kind != "multiclass":
            raise RunError(f"Classes are assigned in multi-class work; this is {self.task.kind}.")
        values = {one.number: one.value for one in self.manifest.thresholds}
        return np.asarray(self.classes)[assign_classes(scores, values)]

    def probability(self, samples: Samples) -> NDArray[np.float64]:
        """Probability of being critical, by the stored map; at the prevalence of the calibration.

        Returns:
            Shape ``(n,)``; with several critical classes or labels a column each, ``(n, K)``.

        Raises:
            ConfigurationError: The model holds no map.
        """
        return self.probability_of(self.score(samples))

    def probability_of(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn scores into probabilities; as :meth:`probability`."""
        lacking = [
            one.name for one in self.manifest.thresholds if one.number not in self.calibrators
        ]
        if lacking:
            raise ConfigurationError(
                f"The model holds no map from scores to probabilities for {lacking[0]!r}. Use its "
                "scores and decisions, or fit one: rarecall.calibration.fit_calibrator."
            )
        columns = [
            self.calibrators[number].probability(score_column(scores, self.task, number))
            for number in self.task.critical
        ]
        return columns[0] if self.task.kind == "binary" else np.stack(columns, axis=1)
