"""Options: how a method is trained, whatever its loss."""

from __future__ import annotations

from rarecall.methods.components import Component, Parameter

_EVERY_TASK = ("binary", "multiclass", "multilabel")

_DENSITIES = Parameter(
    None, None, "what is drawn, as {vs.gamma: [a, b, h_b]}; none: all that can be"
)

OPTIONS = (
    Component(
        "lct",
        "option",
        "loss-conditional: hyper-parameters drawn for every batch, and told to the network",
        parameters={
            "densities": _DENSITIES,
            "grid": Parameter(
                None, None, "points a dimension to choose λ from; none: 5, fewer where many"
            ),
        },
        tasks=_EVERY_TASK,
        needs="objective.adapt(model), and λ chosen on validation",
        group="conditioning",
    ),
    Component(
        "lct-nofilm",
        "option",
        "hyper-parameters drawn for every batch, not told to the network: the control of lct",
        parameters={"densities": _DENSITIES},
        tasks=_EVERY_TASK,
        group="conditioning",
    ),
    Component(
        "sam",
        "option",
        "sharpness-aware steps: the gradient is taken at the worst weights nearby",
        parameters={"radius": Parameter(0.1, None, "ρ, distance to the worst weights")},
        tasks=_EVERY_TASK,
        needs="two passes a step",
        group="optimiser",
    ),
    Component(
        "pesg",
        "option",
        "proximal stochastic gradient descent in stages, made for the AUC losses",
        parameters={
            "proximal": Parameter(
                1 / 500,
                (1 / 100, 1 / 300, 1 / 500, 1 / 700, 1 / 1000),
                "γ, pull towards the average weights of the stage before",
            ),
            "stages": Parameter(3, None, "equal parts of the steps"),
            "milestones": Parameter(
                None, None, "shares of the steps at which stages begin, as [0.5, 0.75]; none: equal"
            ),
            "decay": Parameter(10.0, None, "what the learning rate is divided by between stages"),
            "momentum": Parameter(0.0, None, "momentum"),
            "learning_rate": Parameter(0.1, None, "η of the first stage, unless the run fixes it"),
            "weight_decay": Parameter(1e-4, None, "λ, unless the run fixes it"),
        },
        tasks=_EVERY_TASK,
        group="optimiser",
    ),
    Component(
        "balanced",
        "option",
        "every batch holds a set share of critical samples",
        parameters={"share": Parameter(0.5, None, "share of critical samples in a batch")},
        tasks=("binary", "multiclass"),
    ),
    Component(
        "blend",
        "option",
        "critical images are blended with others, and stay critical",
        parameters={"amount": Parameter(0.5, None, "largest share of the other image")},
        tasks=("binary", "multiclass"),
        needs="images or volumes",
    ),
    Component(
        "swa",
        "option",
        "the weights of the last part of the training are averaged",
        parameters={
            "kind": Parameter("swa", None, "swa (equal average) or ema (moving average)"),
            "start": Parameter(0.75, None, "share of the steps after which averaging begins"),
            "decay": Parameter(0.99, None, "share of the past at each step, with ema"),
        },
        tasks=_EVERY_TASK,
    ),
)
