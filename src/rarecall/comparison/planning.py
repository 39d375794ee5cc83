"""What a comparison consists of: checked before anything is trained, stored at its start."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.comparison.machine import changes, default_threads, environment
from rarecall.comparison.material import prepare, split_samples
from rarecall.comparison.networks import NetworkLearner, with_controls
from rarecall.comparison.trees import TreeLearner
from rarecall.comparison.units_left import WorkRecord
from rarecall.data import Split
from rarecall.errors import RunError
from rarecall.files import read_json, write_json
from rarecall.roles import Role

if TYPE_CHECKING:
    from rarecall.comparison.learner import Learner
    from rarecall.comparison.material import Material
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.config import CompareConfig
    from rarecall.data import Samples


@dataclass(frozen=True)
class RunPlan:
    """All that is needed to train, and the environment to do it in.

    Attributes:
        config: Of the run.
        material: Shared by all methods.
        learners: One a method, the reference last.
        environment: Versions, machine and threads.
        notes: More that a reader must know.
    """

    config: CompareConfig
    material: Material
    learners: list[Learner]
    environment: dict[str, Any]
    notes: list[str]

    @property
    def threads(self) -> int:
        """CPU threads of a training."""
        return int(self.environment["threads"])

    @property
    def units(self) -> int:
        """Trainings in all."""
        return len(self.learners) * (self.config.seeds + self.config.tune)


def make_plan(
    config: CompareConfig, samples: Samples, folder: RunFolder, *, jobs: int = 1
) -> RunPlan:
    """Split, encode and make every learner; nothing is written, and nothing trained.

    Args:
        config: Of the run.
        samples: All of the data.
        folder: Of the run, which may be there already.
        jobs: Processes that will share the processor's threads, where nobody says how many.

    Raises:
        ConfigurationError: A method cannot be trained on these data.
        RunError: The run in the folder was started with other data.
    """
    now, notes = _environment(config, samples, folder, jobs)
    _refuse_other_data(samples, folder)
    split = split_samples(config, samples)
    material = prepare(config, samples, split, threads=int(now["threads"]))
    learners: list[Learner] = [
        NetworkLearner(name, material, config) for name in with_controls(config)
    ]
    if config.trees and samples.kind == "table":
        learners.append(TreeLearner(material))
    return RunPlan(config, material, learners, now, notes)


def store_plan(plan: RunPlan, folder: RunFolder, storage: str | None = None) -> WorkRecord:
    """Write what describes the run, or check it against what is there.

    Args:
        plan: Of the run.
        folder: Of the run.
        storage: Database of the queue, or None for a file in the folder.

    Returns:
        What the run consists of, as it is stored.

    Raises:
        RunError: The folder is that of a run with another split.
    """
    samples, split = plan.material.samples, plan.material.split
    if not (folder / "environment.json").exists():
        write_json(folder / "environment.json", plan.environment)
    if not (folder / "data.json").exists():
        write_json(folder / "data.json", {**samples.summary(), "fingerprint": samples.fingerprint})
    if (folder / "split.csv").exists():
        stored = Split.load(folder / "split.csv", samples)
        if any(not np.array_equal(stored.positions[role], split.positions[role]) for role in Role):
            raise RunError(
                f"{folder / 'split.csv'} is not the split that these data and options give; it was "
                "edited, or made by another version. Start a new run with another --out."
            )
    else:
        split.save(folder / "split.csv", samples)
    if not (folder / "preprocessing.json").exists():
        write_json(folder / "preprocessing.json", plan.material.preprocessor.to_json())
    return _work_record(plan, folder, storage)


def _work_record(plan: RunPlan, folder: RunFolder, storage: str | None) -> WorkRecord:
    names = tuple(learner.name for learner in plan.learners)
    name = f"{plan.material.samples.name}-{uuid.uuid4().hex[:12]}"
    record = WorkRecord(name, names, plan.config.tune, plan.config.seeds, storage)
    # The run of an older version has none.
    with suppress(FileNotFoundError):
        stored = WorkRecord.read(folder.root)
        if (stored.methods, stored.trials, stored.seeds) == (names, record.trials, record.seeds):
            return stored
    record.write(folder.root)
    return record


def _environment(
    config: CompareConfig, samples: Samples, folder: RunFolder, jobs: int
) -> tuple[dict[str, Any], list[str]]:
    """Describe the environment; a resumed run keeps its own threads and says what changed."""
    path = folder / "environment.json"
    if not path.exists():
        threads = default_threads(config.threads, samples.kind)
        return environment(threads if config.threads else max(1, threads // jobs)), []
    stored: dict[str, Any] = read_json(path)
    changed = changes(stored, environment(int(stored["threads"])))
    if not changed:
        return stored, []
    return stored, [
        "The run was resumed in another environment, so its parts may differ in the last digits: "
        + "; ".join(changed)
        + "."
    ]


def _refuse_other_data(samples: Samples, folder: RunFolder) -> None:
    path = folder / "data.json"
    if path.exists() and read_json(path)["fingerprint"] != samples.fingerprint:
        raise RunError(
            f"The data are not those that the run in {folder.root} was started with: their content "
            "differs. Give the same data, or start a new run with another --out."
        )
