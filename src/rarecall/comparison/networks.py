"""A method of the library as a learner: a network trained on its objective."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from rarecall.comparison.learner import SCORED, Outcome
from rarecall.comparison.tuning import network_space
from rarecall.errors import ConfigurationError
from rarecall.methods import parse
from rarecall.models import build_network, save_weights
from rarecall.roles import Role
from rarecall.training import predict_scores, train
from rarecall.training.run import new_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from rarecall.comparison.learner import Unit
    from rarecall.comparison.material import Material
    from rarecall.config import CompareConfig
    from rarecall.methods import Method
    from rarecall.objective import Objective
    from rarecall.training import EpochRecord

_TRAINING = ("learning_rate", "weight_decay")


class NetworkLearner:
    """Trains the network of the data's kind on the objective of one method.

    Args:
        name: The method's name.
        material: Shared by all methods.
        config: Of the run.

    Raises:
        ConfigurationError: The batch is too small for the rows that the method replays.
    """

    reference = False

    def __init__(self, name: str, material: Material, config: CompareConfig) -> None:
        self.method: Method = parse(name)
        self.material = material
        self.config = config
        fixed: dict[str, Any] = dict(config.parameters.get(self.name, {}))
        fixed |= {
            key: getattr(config, key) for key in _TRAINING if getattr(config, key) is not None
        }
        self.space, searched = network_space(self.method, material.settings, fixed=fixed)
        self.defaults = {**searched, **fixed}
        # Asked now, so that the mistake is told before anything is trained.
        try:
            new_rows(
                material.encoded[Role.TRAIN].targets,
                self._objective(self.defaults),
                material.settings,
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"Method {self.name!r}: {error}") from error

    @property
    def name(self) -> str:
        """The method's name."""
        return self.method.name

    def build(self, parameters: Mapping[str, Any], seed: int) -> tuple[nn.Module, Objective]:
        """Make a fresh network, adapted to the method, and the objective, not bound yet."""
        objective = self._objective(parameters)
        network = build_network(
            self.material.preprocessor.spec,
            name=self.config.network,
            outputs=objective.outputs,
            seed=seed,
            options=self.config.network_options,
        )
        return objective.adapt(network), objective

    def fit(
        self,
        unit: Unit,
        folder: Path,
        on_epoch: Callable[[EpochRecord], None],
        should_stop: Callable[[], bool],
    ) -> Outcome:
        """Train one network; a seed's weights and history stay in ``folder``."""
        network, objective = self.build(unit.parameters, unit.seed)
        training = {key: unit.parameters[key] for key in _TRAINING if key in unit.parameters}
        settings = dataclasses.replace(self.material.settings, **training)
        encoded = self.material.encoded
        fitted = train(
            network,
            objective,
            encoded[Role.TRAIN],
            encoded[Role.VALIDATION],
            settings=settings,
            measure=self.material.measure,
            seed=unit.seed,
            balanced=self.method.balanced,
            folder=folder,
            on_epoch=on_epoch,
            should_stop=should_stop,
        )
        roles = SCORED if unit.kind == "seed" else (Role.VALIDATION,)
        scores = {
            role: predict_scores(fitted.network, objective, encoded[role].inputs) for role in roles
        }
        if unit.kind == "seed":
            save_weights(fitted.network, folder / "weights.safetensors")
        return Outcome(
            scores=scores,
            best_epoch=fitted.best_epoch,
            steps=fitted.steps,
            rows=fitted.rows_forwarded,
            seconds=fitted.seconds,
            remarks=list(fitted.remarks),
            history=[record.to_dict() for record in fitted.history],
        )

    def _objective(self, parameters: Mapping[str, Any]) -> Objective:
        own = {key: value for key, value in parameters.items() if key not in _TRAINING}
        return self.method.build(own)
