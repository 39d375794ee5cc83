"""A method of the library as a learner: a network trained on its objective."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rarecall.comparison.ensembles import member_seeds, told_of_all, weight_files
from rarecall.comparison.learner import SCORED, Outcome
from rarecall.comparison.stages import Stage, adapted, train_stage
from rarecall.comparison.tuning import Choice, network_space
from rarecall.delivery.augmented import views
from rarecall.delivery.scoring import as_one, portion_rows, scoring_network, steady_scores
from rarecall.errors import ConfigurationError
from rarecall.methods import parse
from rarecall.models import build_network, save_weights
from rarecall.recipes import RECIPES, find_recipe
from rarecall.roles import Role
from rarecall.training import Technique, default_settings
from rarecall.training.blending import check_blend
from rarecall.training.run import row_stream
from rarecall.training.technique import SETTINGS_OF_PESG
from rarecall.training.two_stage import (
    carry_over,
    earlier,
    joined,
    later,
    second_seed,
    shared_out,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from rarecall.comparison.learner import Unit
    from rarecall.comparison.material import Material
    from rarecall.comparison.tuning import Space
    from rarecall.conditioning import ConditionChoice
    from rarecall.config import CompareConfig
    from rarecall.methods import Method
    from rarecall.objective import Objective
    from rarecall.recipes import Recipe
    from rarecall.training import EpochRecord, Fitted

    Told = Callable[[EpochRecord], None]
    Asked = Callable[[], bool]

_TRAINING = ("learning_rate", "weight_decay")


def with_controls(config: CompareConfig) -> list[str]:
    """Names of the methods to train: those asked for, and the control of every rank term.

    A rank regularizer's buffer rebalances by itself; only beside the method that differs by the
    rank term alone can its effect be told.

    >>> from rarecall.config import CompareConfig
    >>> with_controls(CompareConfig(data="digits", methods=("a-fl+rankreg", "bce")))
    ['a-fl+rankreg', 'bce', 'a-fl']
    """
    names = list(config.methods)
    for name in config.methods:
        if name in RECIPES:
            continue
        control = parse(name).control(config.parameters.get(name))
        if control is not None and control not in names:
            names.append(control)
    return names


def _told_of_condition(choice: ConditionChoice) -> str:
    told = ", ".join(f"{name} = {value:.3g}" for name, value in choice.best.items())
    return f"λ was chosen on validation, by {choice.measure}: {told}."


def _as_told(recipe: Recipe, material: Material, config: CompareConfig) -> Material:
    """Train as a recipe says; what the configuration says goes before it."""
    settings = default_settings(
        material.samples.kind,
        len(material.encoded[Role.TRAIN]),
        device=config.device,
        precision=config.precision,
        threads=material.settings.threads,
        **{**recipe.training, **config.training_options()},
    )
    return replace(material, settings=settings)


class NetworkLearner:
    """Trains the network of the data's kind on the objective of one method.

    Args:
        name: The method's name, or that of a recipe.
        material: Shared by all methods.
        config: Of the run.

    Raises:
        ConfigurationError: The method is not made for the task, an option cannot be used, or the
            batch is too small for the rows that the method replays or balances.

    Attributes:
        name: In the results.
        method: What is trained.
        members: Networks a seed.
        tta: Views of an image whose scores are averaged.
    """

    reference = False

    def __init__(self, name: str, material: Material, config: CompareConfig) -> None:
        self.config = config
        self.members, self.tta = config.members, "none"
        self._fixed: dict[str, Any] = {}
        self._remarks: list[str] = []
        if name in RECIPES:
            recipe = find_recipe(name, material.preprocessor.spec, material.task.kind)
            material = _as_told(recipe, material, config)
            self.members, self.tta = max(config.members, recipe.members), recipe.tta
            self._fixed = dict(recipe.parameters)
            self._remarks = [f"The recipe for such data: {recipe.told()}"]
            if self.members > config.members:
                self._remarks.append(
                    f"It averages {self.members} networks a seed, the other methods "
                    f"{config.members}: a difference may come from that, and so does its cost. "
                    f"With members {self.members} all are alike."
                )
            self.name, self.method = name, parse(recipe.method)
        else:
            self.method = parse(name)
            self.name = self.method.name
        self.material = material
        self._refuse_task()
        self.space, self.defaults = self._searched()
        # Asked now, so that the mistake is told before anything is trained.
        try:
            self._check(self._own(self.defaults))
        except ConfigurationError as error:
            raise ConfigurationError(f"Method {self.name!r}: {error}") from error

    def build(self, parameters: Mapping[str, Any], seed: int) -> tuple[nn.Module, Objective]:
        """Make a fresh network, adapted to the method, and the objective, not bound yet."""
        objective = self._objective(self.method, self._own(parameters))
        return adapted(self._network(objective, seed), objective, seed), objective

    def fit(self, unit: Unit, folder: Path, on_epoch: Told, should_stop: Asked) -> Outcome:
        """Train one network, or the members of an ensemble; a seed's weights stay in ``folder``.

        A first stage keeps its checkpoints in ``folder/pretrain`` until the second one is done.
        """
        final = unit.kind == "seed"
        seeds = member_seeds(unit.seed, self.members if final else 1)
        parameters = self._own(unit.parameters)
        objectives = [self._objective(self.method, parameters) for _ in seeds]
        rates = {key: unit.parameters[key] for key in _TRAINING if key in unit.parameters}
        last = Stage(
            [self._network(objectives[0], seed) for seed in seeds],
            objectives,
            seeds,
            replace(self.material.settings, **rates),
            Technique.of(self.method, parameters),
            folder,
        )
        if self.method.pretrain is None:
            fitted = train_stage(last, self.material, self.config, on_epoch, should_stop)
        else:
            fitted = self._two_stages(unit.parameters, last, on_epoch, should_stop)
        chosen = [
            self._choose_condition(member.network, objective, parameters)
            for member, objective in zip(fitted, objectives, strict=True)
        ]
        # As the delivered model will score: a threshold is about these very bits.
        spec = self.material.preprocessor.spec
        networks = [scoring_network(member.network, spec) for member in fitted]
        scores = {
            role: as_one(
                [
                    steady_scores(network, objectives[0], view, portion=portion_rows(spec))
                    for view in views(self.tta, self.material.encoded[role].inputs)
                    for network in networks
                ]
            )
            for role in (SCORED if final else (Role.VALIDATION,))
        }
        if final:
            for member, path in zip(fitted, weight_files(folder, len(fitted)), strict=True):
                save_weights(member.network, path)
        shutil.rmtree(folder / "pretrain", ignore_errors=True)
        conditions = [choice.to_json() for choice in chosen if choice is not None]
        return Outcome(
            scores=scores,
            best_epoch=fitted[0].best_epoch,
            steps=max(member.steps for member in fitted),
            rows=sum(member.rows_forwarded for member in fitted),
            seconds=sum(member.seconds for member in fitted),
            remarks=[
                *self._remarks,
                *told_of_all(fitted),
                *map(_told_of_condition, filter(None, chosen)),
            ],
            history=[record.to_dict() for record in fitted[0].history],
            conditions=conditions,
        )

    def _choose_condition(
        self, network: nn.Module, objective: Objective, parameters: Mapping[str, Any]
    ) -> ConditionChoice | None:
        """Let a network that takes λ use the one that is best on validation, from now on."""
        if objective.conditioning is None or not objective.conditioning.film:
            return None
        from rarecall.conditioning import choose_condition

        validation, measure = self.material.encoded[Role.VALIDATION], self.material.measure
        choice = choose_condition(
            network,
            objective,
            validation.inputs,
            validation.targets,
            measure,
            grid=self.method.option("lct", parameters)["grid"],
            tie_break=measure.progress,
        )
        choice.apply(network)
        return choice

    # Training -----------------------------------------------------------------------------------

    def _two_stages(
        self, given: Mapping[str, Any], last: Stage, on_epoch: Told, should_stop: Asked
    ) -> list[Fitted]:
        """Train on the first objective, then on the second from its best weights."""
        total = last.settings.steps
        pretraining, own = self._first(self._own(given))
        chosen = self.method.option("pretrain", self._own(given))
        early, late = shared_out(last.settings, chosen["share"])
        objectives = [self._objective(pretraining, own) for _ in last.seeds]
        stage = Stage(
            [self._network(objectives[0], seed) for seed in last.seeds],
            objectives,
            last.seeds,
            replace(early, **self._first_rates(given)),
            Technique.of(pretraining, own),
            last.folder / "pretrain",
        )
        firsts = train_stage(
            stage,
            self.material,
            self.config,
            lambda record: on_epoch(earlier(record, total)),
            should_stop,
        )
        for first, network in zip(firsts, last.networks, strict=True):
            carry_over(
                first.network.state_dict(),
                network,
                fresh_head=chosen["fresh_head"],
                default=self.method.loss.fresh_head,
            )
        seeds = [second_seed(seed) for seed in last.seeds]
        # Its times are those of all members.
        before = replace(firsts[0], seconds=sum(first.seconds for first in firsts))
        seconds = train_stage(
            replace(last, settings=late, seeds=seeds),
            self.material,
            self.config,
            lambda record: on_epoch(later(record, before, total)),
            should_stop,
        )
        return [joined(*both, total) for both in zip(firsts, seconds, strict=True)]

    # Parameters ---------------------------------------------------------------------------------

    def _refuse_task(self) -> None:
        kind, stages = self.material.task.kind, [self.method]
        stages += [] if self.method.pretrain is None else [self.method.pretrain]
        unfit = [
            f"{part.name} is for {' and '.join(part.tasks)} tasks"
            for method in stages
            for part in (method.loss, *method.terms, *method.options)
            if kind not in part.tasks
        ]
        if unfit:
            raise ConfigurationError(
                f"Method {self.name!r} cannot be trained on this {kind} task: {'; '.join(unfit)}."
            )

    def _searched(self) -> tuple[Space, dict[str, Any]]:
        """Say what tuning may change, and all parameters before it."""
        config, settings = self.config, self.material.settings
        fixed: dict[str, Any] = self._fixed | config.parameters.get(self.name, {})
        if self.method.has("pesg"):
            # Its rates are those of plain gradient descent, far from the run's default.
            own = self.method.option("pesg", fixed)
            settings = replace(settings, **{key: own[key] for key in SETTINGS_OF_PESG})
            fixed |= {key: own[key] for key in SETTINGS_OF_PESG if f"pesg.{key}" in fixed}
        fixed |= {
            key: getattr(config, key) for key in _TRAINING if getattr(config, key) is not None
        }
        space, defaults = network_space(self.method, settings, fixed=fixed)
        for key in self.method.drawn(fixed):
            # What is drawn anew for every batch has no value to search.
            space.pop(key, None)
            defaults.pop(key, None)
        for key, parameter in self.method.parameters.items():
            if parameter.from_run is not None and key not in fixed:
                defaults[key] = getattr(config, parameter.from_run)
                searched = space.get(key)
                if isinstance(searched, Choice):
                    others = [value for value in searched.values if value != defaults[key]]
                    space[key] = Choice((defaults[key], *others))
        return space, {**defaults, **fixed}

    def _first(self, parameters: Mapping[str, Any]) -> tuple[Method, dict[str, Any]]:
        """Give the first stage's method and its own parameters."""
        assert self.method.pretrain is not None
        return self.method.pretrain, self.method.first_stage(parameters)

    def _first_rates(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Learning rate and weight decay of the first stage.

        Those of the second, tuned ones too, where both stages use the same kind of optimiser.
        """
        pretraining, own = self._first(self._own(parameters))
        settings = self.material.settings
        rates = {key: getattr(settings, key) for key in _TRAINING}
        if pretraining.has("pesg"):
            own_rates = pretraining.option("pesg", own)
            rates = {key: own_rates[key] for key in _TRAINING}
        elif not self.method.has("pesg"):
            rates |= {key: parameters[key] for key in _TRAINING if key in parameters}
        fixed = {key: getattr(self.config, key) for key in _TRAINING}
        return rates | {key: value for key, value in fixed.items() if value is not None}

    def _check(self, parameters: Mapping[str, Any]) -> None:
        stages = [(self.method, dict(parameters))]
        if self.method.pretrain is not None:
            stages.append(self._first(parameters))
            shared_out(self.material.settings, self.method.option("pretrain", parameters)["share"])
        for method, own in stages:
            technique = Technique.of(method, own)
            if technique.blend is not None:
                check_blend(self.material.encoded[Role.TRAIN].inputs)
            row_stream(
                self.material.encoded[Role.TRAIN].targets,
                self._objective(method, own),
                self.material.settings,
                seed=0,
                technique=technique,
            )

    @staticmethod
    def _own(parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out what belongs to the optimiser."""
        return {key: value for key, value in parameters.items() if key not in _TRAINING}

    def _objective(self, method: Method, parameters: Mapping[str, Any]) -> Objective:
        return method.build(parameters).for_task(self.material.task)

    def _network(self, objective: Objective, seed: int) -> nn.Module:
        """Make a fresh network that is not adapted to the objective yet."""
        return build_network(
            self.material.preprocessor.spec,
            name=self.config.network,
            outputs=objective.outputs,
            seed=seed,
            options=self.config.network_options,
        )
