"""What every method of a comparison shares: one split, one preprocessing, one budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rarecall.data import SplitShares, encode, fit_preprocessor, load, make_split
from rarecall.metrics.several import task_measure
from rarecall.roles import Role
from rarecall.task import BINARY
from rarecall.training import default_settings

if TYPE_CHECKING:
    from rarecall.config import CompareConfig
    from rarecall.data import ArrayDataset, Preprocessor, Samples, Split
    from rarecall.metrics import SelectionMeasure
    from rarecall.task import Task
    from rarecall.training import TrainSettings


@dataclass(frozen=True)
class Material:
    """Data, split, encoding and budget, the same for every method.

    Attributes:
        samples: All of the data.
        split: Which sample plays which role.
        parts: The samples of each role.
        preprocessor: Fitted on the training part only.
        encoded: Each part as tensors.
        measure: Chooses checkpoints, hyper-parameters and the winner, on validation.
        settings: The training budget.
        tpr: The required true positive rate.
        task: The kind of problem.
    """

    samples: Samples
    split: Split
    parts: dict[Role, Samples]
    preprocessor: Preprocessor
    encoded: dict[Role, ArrayDataset]
    measure: SelectionMeasure
    settings: TrainSettings
    tpr: float
    task: Task = BINARY


def load_samples(config: CompareConfig) -> Samples:
    """Read the data that the configuration names."""
    return load(
        config.data,
        target=config.targets or None,
        critical=config.criticals or None,
        task=config.problem,
        kind=config.kind,
        group=config.group,
        time=config.time,
        id=config.id,
        drop=config.drop,
        split_column=config.split_column,
        image_size=config.image_size,
        skip_unreadable=config.skip_unreadable,
        metadata=config.metadata,
        subgroups=config.subgroups,
    )


def split_samples(config: CompareConfig, samples: Samples) -> Split:
    """Split the data as the configuration says."""
    return make_split(
        samples,
        shares=None if config.shares is None else SplitShares(**config.shares),
        seed=config.seed,
        tpr=config.tpr,
        confidence=config.confidence,
        train_positives=config.train_positives,
    )


def prepare(config: CompareConfig, samples: Samples, split: Split, *, threads: int) -> Material:
    """Fit the preprocessing on the training part and encode all parts.

    Args:
        config: The configuration of the run.
        samples: All of the data.
        split: Its split.
        threads: CPU threads of the run.
    """
    parts = {role: samples.take(split.positions[role]) for role in Role}
    preprocessor = fit_preprocessor(parts[Role.TRAIN])
    encoded = {role: encode(preprocessor, part) for role, part in parts.items()}
    settings = default_settings(
        samples.kind,
        len(parts[Role.TRAIN]),
        device=config.device,
        precision=config.precision,
        threads=threads,
        **config.training_options(),
    )
    return Material(
        samples=samples,
        split=split,
        parts=parts,
        preprocessor=preprocessor,
        encoded=encoded,
        measure=task_measure(
            parts[Role.VALIDATION].targets, samples.task, config.tpr, samples.classes
        ),
        settings=settings,
        tpr=config.tpr,
        task=samples.task,
    )
