"""The stages of one training: pre-training, the method's own, and patients' data beside images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError
from rarecall.methods import parse
from rarecall.models import build_network
from rarecall.reproduction.jobs import fit, own_parameters, refuse_other_tasks
from rarecall.reproduction.patient_data import fused, with_patient_data
from rarecall.reproduction.schedules import train_settings
from rarecall.training import Technique, TrainSettings
from rarecall.training.technique import SETTINGS_OF_PESG
from rarecall.training.two_stage import carry_over, earlier, joined, later, second_seed, shared_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from rarecall.methods import Method
    from rarecall.objective import Objective
    from rarecall.reproduction.encoding import Ground
    from rarecall.reproduction.jobs import Job
    from rarecall.reproduction.plan import Plan
    from rarecall.training import Fitted

FIRST, IMAGE = "pretrain", "image"
"""Folders, within a unit's, of the checkpoints of stages before the last."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What all stages gave together.

    Attributes:
        fitted: The last network, with the history and the cost of all stages.
        objective: Of the last stage.
        ground: The data as the last network takes it.
    """

    fitted: Fitted
    objective: Objective
    ground: Ground


class Stages:
    """Trains a job through all stages that its row asks for.

    Args:
        plan: Of the run.
        job: The unit.
        device: As of :class:`~rarecall.training.TrainSettings`.
        threads: Likewise.
    """

    def __init__(self, plan: Plan, job: Job, *, device: str, threads: int | None) -> None:
        self.plan, self.job, self.device, self.threads = plan, job, device, threads
        unit = job.unit
        self.row = plan.row(unit.row)
        self.method = parse(self.row.method)
        self.told = plan.training_of(unit.row, unit.setting, unit.parameters)
        self.own = own_parameters(self.method, unit.parameters, self.told)
        self.remarks: list[str] = []

    def run(self) -> Outcome:
        """Train.

        Raises:
            Interrupted: A stop was asked for; a checkpoint is written.
            ConfigurationError: It cannot be trained so, or diverged at once.
            RunError: The folder holds a checkpoint of another training.
        """
        refuse_other_tasks(self.method, self.job.ground)
        columns = self.row.more.get("metadata")
        if not columns:
            fitted, objective = self._images(self.job)
            outcome = Outcome(fitted, objective, self.job.ground)
        else:
            outcome = self._with_patients(columns)
        told = [*self.remarks, *outcome.fitted.remarks]
        return replace(outcome, fitted=replace(outcome.fitted, remarks=told))

    # Stages -----------------------------------------------------------------------------------

    def _images(self, job: Job) -> tuple[Fitted, Objective]:
        """Train on what there is of every sample but the patient's data, in one stage or two."""
        if self.method.pretrain is not None:
            return self._two_stages(job)
        network, objective = self._build(self.method, self.own)
        settings = self._settings(self.method, self.own)
        technique = Technique.of(self.method, self.own)
        return fit(network, objective, settings, technique, job), objective

    def _two_stages(self, job: Job) -> tuple[Fitted, Objective]:
        """Train on the first objective, then on the second from its best weights."""
        method, pretrain, own = self.method, self.method.pretrain, self.own
        assert pretrain is not None
        first_own = method.first_stage(own)
        early, late = self._both(pretrain, first_own)
        total = early.steps + late.steps
        network, objective = self._build(pretrain, first_own)
        first = fit(
            network,
            objective,
            early,
            Technique.of(pretrain, first_own),
            replace(
                job,
                folder=job.folder / FIRST,
                on_epoch=lambda record: job.on_epoch(earlier(record, total)),
            ),
        )
        network, objective = self._build(method, own, second=True)
        carry_over(
            first.network.state_dict(),
            network,
            fresh_head=method.option("pretrain", own)["fresh_head"],
            default=method.loss.fresh_head,
        )
        second = fit(
            network,
            objective,
            late,
            Technique.of(method, own),
            replace(job, on_epoch=lambda record: job.on_epoch(later(record, first, total))),
            seed=second_seed(job.unit.seed),
        )
        return joined(first, second, total), objective

    def _with_patients(self, columns: list[str] | str) -> Outcome:
        """Train the image network, then, with it held, the one for patients' data beside it."""
        job, method = self.job, self.method
        settings = self._settings(method, self.own)
        total = self.steps + settings.steps
        image, objective = self._images(
            replace(
                job,
                folder=job.folder / IMAGE,
                on_epoch=lambda record: job.on_epoch(earlier(record, total)),
            )
        )
        if objective.conditioning is not None:
            raise ConfigurationError(
                f"{method.name} tells its network λ, which a network for patients' data does not "
                "take. Leave out the row's metadata, or +lct."
            )
        ground = with_patient_data(job.ground, columns)
        objective = method.build(self.own).for_task(ground.task)
        network = fused(image.network, ground, objective, job.unit.seed)
        second = fit(
            network,
            objective,
            settings,
            Technique.of(method, self.own),
            replace(
                job,
                ground=ground,
                on_epoch=lambda record: job.on_epoch(later(record, image, total)),
            ),
            seed=second_seed(second_seed(job.unit.seed)),
            adapt=False,
        )
        both = joined(replace(image, remarks=[]), second, total)
        remarks = image.remarks + [f"Patients' data: {text}" for text in second.remarks]
        return Outcome(replace(both, remarks=remarks), objective, ground)

    # Parts of a stage -------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """Steps of all stages without patients' data."""
        if self.method.pretrain is None:
            return self._settings(self.method, self.own).steps
        first_own = self.method.first_stage(self.own)
        return sum(one.steps for one in self._both(self.method.pretrain, first_own))

    def _build(
        self, method: Method, own: Mapping[str, Any], *, second: bool = False
    ) -> tuple[nn.Module, Objective]:
        """Make a network that is not adapted yet, and the objective, not bound yet."""
        unit, ground = self.job.unit, self.job.ground
        objective = method.build(own).for_task(ground.task)
        name, options, weights = self.plan.network_of(unit.row, unit.setting)
        network = build_network(
            ground.spec,
            name=name,
            outputs=objective.outputs,
            seed=unit.seed,
            options=options,
            # A second stage starts from the first one's weights.
            weights=None if second else weights,
        )
        if weights is not None and not second:
            self.remarks.append(f"Started from {network.pretrained}.")
        return network, objective

    def _settings(
        self, method: Method, own: Mapping[str, Any], changes: Mapping[str, Any] | None = None
    ) -> TrainSettings:
        """Give a stage's settings; an optimiser of its own brings its rate and decay."""
        told = self.told | dict(changes or {})
        if method.has("pesg"):
            found = method.option("pesg", own)
            told |= {name: found[name] for name in SETTINGS_OF_PESG}
        n_train = len(self.job.ground.train)
        return train_settings(told, n_train, device=self.device, threads=self.threads)

    def _both(
        self, pretrain: Method, first_own: Mapping[str, Any]
    ) -> tuple[TrainSettings, TrainSettings]:
        """Give both stages' settings: the first as ``pretrain`` says, else a share of all steps."""
        last = self._settings(self.method, self.own)
        told = self.row.more.get("pretrain") or self.plan.get("pretrain")
        if told:
            other = dict.fromkeys(("steps", "epochs")) if {"steps", "epochs"} & set(told) else {}
            return self._settings(pretrain, first_own, {**other, **told}), last
        share = self.method.option("pretrain", self.own)["share"]
        whole = self._settings(pretrain, first_own)
        return shared_out(whole, share)[0], shared_out(last, share)[1]
