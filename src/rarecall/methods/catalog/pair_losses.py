"""Losses of pairs of a critical and another sample, and of the area under the curve."""

from __future__ import annotations

from rarecall.methods.components import Component, Parameter

_TASKS = ("binary", "multilabel")
_VARIABLES = "its own variables in the optimiser, `*objective.param_groups()`"
_START = Parameter("saddle", None, "of a, b and α: saddle (all scored alike) or zero")
_NORMALIZE = Parameter("sigmoid", None, "of the scores in the loss: sigmoid, batch or none")

LOSSES: tuple[Component, ...] = (
    Component(
        "mbauc",
        "loss",
        "squared distance of the batch's pairs of probabilities from a perfect order",
        "rarecall.losses:MiniBatchAUCLoss",
        tasks=_TASKS,
    ),
    Component(
        "pairwise",
        "loss",
        "squared hinge of the batch's pairs of scores",
        "rarecall.losses:PairwiseHingeLoss",
        {
            "margin": Parameter(1.0, (0.5, 1.0, 2.0), "m, margin"),
            "scores": Parameter("logit", None, "logit or probability"),
        },
        tasks=_TASKS,
    ),
    Component(
        "auc-square",
        "loss",
        "square loss of all pairs, as a min-max problem over samples",
        "rarecall.losses:AUCSquareLoss",
        {"margin": Parameter(1.0, None, "m, margin"), "normalize": _NORMALIZE, "start": _START},
        tasks=_TASKS,
        needs=_VARIABLES,
        fresh_head=True,
    ),
    Component(
        "auc-margin",
        "loss",
        "AUC margin loss: that, but classes a margin apart are pulled no closer",
        "rarecall.losses:AUCMarginLoss",
        {
            "margin": Parameter(0.7, (0.1, 0.3, 0.5, 0.7, 1.0), "m, margin"),
            "normalize": _NORMALIZE,
            "start": _START,
        },
        tasks=_TASKS,
        needs=_VARIABLES,
        fresh_head=True,
    ),
)
