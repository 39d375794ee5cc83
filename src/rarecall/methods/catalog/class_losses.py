"""Losses of single samples: cross-entropy, margins, focal, vector scaling and their kin."""

from __future__ import annotations

from rarecall.methods.components import Component, Parameter

_EVERY_TASK = ("binary", "multiclass", "multilabel")
_ONE_LOGIT = ("binary", "multilabel")
_SOFTMAX = ("binary", "multiclass")

_MARGIN = {"margin": Parameter(0.5, (0.5, 2.0, 4.0), "m, margin in the logits")}
_FOCUS = {"focus": Parameter(1.0, (0.5, 1.0, 2.0), "γ, exponent")}
_BALANCE = {
    "beta": Parameter(0.999, (0.99, 0.999, 0.9999), "β; near 1 weighs by the inverse counts"),
    "normalize": Parameter(True, None, "whether the weights average to 1 over the classes"),
}
_TAU = Parameter(1.0, (0.0, 1.0, 2.0, 3.0), "τ, shift by the class ratio", density=(0.0, 3.0, 0.33))
_LDAM = {
    "max_margin": Parameter(0.5, None, "m, margin of the rarest class"),
    "scale": Parameter(30.0, None, "s, scale of the cosines"),
    "score_by": Parameter("difference", None, "difference of the cosines, or cosine"),
}

LOSSES = (
    Component(
        "bce",
        "loss",
        "binary cross-entropy, the baseline",
        "rarecall.losses:BCELoss",
        tasks=_ONE_LOGIT,
    ),
    Component(
        "ce",
        "loss",
        "softmax cross-entropy, the baseline of several classes",
        "rarecall.losses:CrossEntropyLoss",
        tasks=_SOFTMAX,
    ),
    Component(
        "w-bce",
        "loss",
        "cross-entropy, the critical class weighted by the class ratio",
        "rarecall.losses:WeightedBCELoss",
        {"scale": Parameter(1.0, (1 / 3, 2 / 3, 1.0), "c, share of the class ratio")},
        tasks=_ONE_LOGIT,
    ),
    Component(
        "cb-bce",
        "loss",
        "cross-entropy, classes weighted by their effective number of samples",
        "rarecall.losses:ClassBalancedBCELoss",
        _BALANCE,
        tasks=_ONE_LOGIT,
    ),
    Component(
        "cb-ce",
        "loss",
        "softmax cross-entropy, classes weighted by their effective number of samples",
        "rarecall.losses:ClassBalancedCELoss",
        _BALANCE,
        tasks=_SOFTMAX,
    ),
    Component(
        "s-ml",
        "loss",
        "cross-entropy with a margin on all classes",
        "rarecall.losses:SymmetricMarginLoss",
        _MARGIN,
        tasks=_EVERY_TASK,
    ),
    Component(
        "a-ml",
        "loss",
        "cross-entropy with a margin on critical samples only",
        "rarecall.losses:AsymmetricMarginLoss",
        _MARGIN,
        tasks=_EVERY_TASK,
    ),
    Component(
        "s-fl",
        "loss",
        "symmetric focal loss",
        "rarecall.losses:SymmetricFocalLoss",
        _FOCUS,
        tasks=_EVERY_TASK,
    ),
    Component(
        "a-fl",
        "loss",
        "asymmetric focal loss: focal on the common class only",
        "rarecall.losses:AsymmetricFocalLoss",
        _FOCUS,
        tasks=_EVERY_TASK,
    ),
    Component(
        "focal",
        "loss",
        "α-balanced focal loss",
        "rarecall.losses:FocalLoss",
        {
            "alpha": Parameter(
                0.75,
                (0.1, 0.25, 0.5, 0.75),
                "α, weight of the critical class",
                density=(0.25, 0.75, 2.0),
            ),
            "focus": Parameter(2.0, (0.0, 1.0, 2.0, 3.0), "φ, exponent", density=(1.0, 3.0, 0.5)),
        },
        tasks=_EVERY_TASK,
    ),
    Component(
        "ldam",
        "loss",
        "larger margins for rarer classes, between cosines",
        "rarecall.losses:LDAMLoss",
        _LDAM,
        tasks=_SOFTMAX,
        needs="a cosine head, objective.adapt(model)",
    ),
    Component(
        "ldam-drw",
        "loss",
        "ldam, the classes weighted in the last part of the training",
        "rarecall.losses:DeferredLDAMLoss",
        {
            **_LDAM,
            "deferred": Parameter(0.8, None, "share of the steps without weights"),
            "beta": Parameter(0.9999, None, "β of the class-balanced weights"),
        },
        tasks=_SOFTMAX,
        needs="a cosine head, objective.adapt(model); the planned steps, bind(..., steps=)",
    ),
    Component(
        "vs",
        "loss",
        "vector scaling of two logits",
        "rarecall.losses:VectorScalingLoss",
        {
            "gamma": Parameter(
                0.1,
                (0.0, 0.1, 0.2, 0.3),
                "γ, scaling of the critical logit",
                density=(0.0, 0.3, 3.3),
            ),
            "tau": _TAU,
        },
        tasks=_SOFTMAX,
    ),
    Component(
        "la",
        "loss",
        "logit adjustment: logits shifted by the class shares",
        "rarecall.losses:LogitAdjustmentLoss",
        {"tau": _TAU},
        tasks=_SOFTMAX,
    ),
    Component(
        "mse",
        "loss",
        "squared error of the probability",
        "rarecall.losses:MSELoss",
        tasks=_ONE_LOGIT,
    ),
    Component(
        "mfe",
        "loss",
        "squared errors averaged by class, added",
        "rarecall.losses:MFELoss",
        tasks=_ONE_LOGIT,
    ),
    Component(
        "msfe",
        "loss",
        "squared errors averaged by class, squared and added",
        "rarecall.losses:MSFELoss",
        tasks=_ONE_LOGIT,
    ),
)
