"""Terms that add to any loss."""

from __future__ import annotations

from rarecall.methods.components import Component, Parameter

_BUFFER = {
    "capacity": Parameter(32, None, "positives replayed with every batch"),
    "evict": Parameter("most_confident", None, "whom a new positive replaces"),
    "max_age": Parameter(None, None, "steps after which a positive leaves; none for never"),
}

_INDEX = "the sample's index"

TERMS = (
    Component(
        "alm",
        "term",
        "constraint that critical samples outrank all others (augmented Lagrangian)",
        "rarecall.terms:ALMConstraint",
        {
            # Densities are uniform around the defaults.
            "margin": Parameter(0.25, (0.1, 0.25, 0.5, 1.0), "δ, margin", (0.0, 0.5, 2.0)),
            "penalty": Parameter(
                1e-3,
                (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2),
                "μ, penalty at the start",
                (0.0, 2e-3, 500.0),
            ),
            "growth": Parameter(2.0, None, "ρ, growth of μ when validation fell"),
            "scores": Parameter("probability", None, "probability or logit"),
            "form": Parameter("first", None, "first or second multi-class form"),
            "constraints": Parameter("positive", None, "one for each positive, negative or pair"),
            "normalize": Parameter("batch", None, "|P||N| of the batch or the dataset"),
            "reduction": Parameter("sum", None, "q as sum or mean"),
            "tolerance": Parameter(0.0, None, "fall of the measure that lets μ grow"),
            "first_increase": Parameter(False, None, "whether μ always grows once at the start"),
            "max_penalty": Parameter(None, None, "cap of μ; none for μ ρ⁵"),
            "max_multiplier": Parameter(None, None, "cap of every λ; none for no cap"),
            "negatives": Parameter("batch", None, "of the batch, or a memory of scores too"),
            "memory_size": Parameter(4096, None, "scores that the memory holds"),
            "staleness": Parameter(None, None, "steps that a remembered score counts; none: all"),
        },
        tasks=("binary", "multiclass", "multilabel"),
        needs=_INDEX,
    ),
    Component(
        "rankreg",
        "term",
        "penalty on the ranks of critical samples, with a buffer of positives",
        "rarecall.terms:RankRegularizer",
        {
            "weight": Parameter(1.0, (0.3, 1.0, 3.0), "weight of the term"),
            "strength": Parameter(None, None, "γ of the interpolation; none for the default"),
            "scores": Parameter("probability", None, "probability or logit"),
            "penalty": Parameter("squared", None, "linear, squared, cubed or exponential"),
            "replay_in_base_loss": Parameter(False, None, "whether the loss counts the buffer"),
            **_BUFFER,
        },
        tasks=("binary", "multiclass"),
        needs=_INDEX,
    ),
    Component(
        "replay",
        "term",
        "the buffer of positives without the rank term: the control of rankreg",
        "rarecall.terms:Replay",
        _BUFFER,
        tasks=("binary", "multiclass"),
        needs=_INDEX,
    ),
)
