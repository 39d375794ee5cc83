"""Losses of the tail: FPR at the required TPR, and partial areas, directly."""

from __future__ import annotations

from rarecall.methods.components import Component, Parameter

_TPR = Parameter(0.95, None, "β, required TPR; compare fills in its own", from_run="tpr")

LOSSES: tuple[Component, ...] = (
    Component(
        "ico",
        "loss",
        "FPR at the threshold that keeps the required TPR, differentiated through it",
        "rarecall.losses:ImplicitFPRLoss",
        {
            "tpr": _TPR,
            "temperature": Parameter(1.0, (0.3, 1.0, 3.0), "T, softness in units of the logits"),
            "surrogate": Parameter("softplus", None, "of a false positive: softplus or sigmoid"),
            "cross_entropy": Parameter(0.0, None, "w, weight of added cross-entropy"),
        },
    ),
    Component(
        "recall-lagrangian",
        "loss",
        "false positives under a constraint on recall, with one multiplier",
        "rarecall.losses:RecallLagrangianLoss",
        {
            "tpr": _TPR,
            "multiplier": Parameter(1.0, None, "λ at the start"),
            "pace": Parameter(10.0, (1.0, 10.0), "how much faster than weights λ moves"),
            "surrogate": Parameter("hinge", None, "of an error: hinge or logistic"),
        },
    ),
    Component(
        "patmat-np",
        "loss",
        "convex FPR above a convex bound of the threshold (Pat&Mat-NP, mirrored)",
        "rarecall.losses:PatMatLoss",
        {
            "tpr": _TPR,
            "scale": Parameter(0.1, (0.03, 0.1, 0.3, 1.0), "ϑ, sharpness of the threshold"),
            "surrogate": Parameter("squared_hinge", None, "squared_hinge or hinge"),
        },
    ),
    Component(
        "toppush",
        "loss",
        "other samples below the lowest critical one (TopPush, mirrored)",
        "rarecall.losses:TopPushLoss",
        {"surrogate": Parameter("squared_hinge", None, "squared_hinge or logistic")},
    ),
    Component(
        "pauc-1way",
        "loss",
        "partial AUC: every other sample against the hardest critical ones",
        "rarecall.losses:OneWayPartialAUCLoss",
        {
            "temperature": Parameter(1.0, (0.1, 1.0, 10.0), "T of the critical samples"),
            "surrogate": Parameter("logistic", None, "of a pair: logistic or squared_hinge"),
        },
    ),
    Component(
        "pauc-2way",
        "loss",
        "partial AUC: the hardest other samples against the hardest critical ones",
        "rarecall.losses:TwoWayPartialAUCLoss",
        {
            "temperature": Parameter(1.0, (0.1, 1.0, 10.0), "T of the critical samples"),
            "others_temperature": Parameter(1.0, (0.1, 1.0, 10.0), "T' of the others"),
            "surrogate": Parameter("logistic", None, "of a pair: logistic or squared_hinge"),
        },
    ),
)
