"""Method names: one grammar in Python, YAML and on the command line.

``loss[+term...][+balanced]``, as in ``bce``, ``a-fl+alm``, ``vs+alm+rankreg``, ``bce+balanced``.
Nothing heavy is imported until a method is built.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from rarecall.errors import MethodError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.objective import Objective


@dataclass(frozen=True)
class Parameter:
    """A hyper-parameter of a loss or term.

    Attributes:
        default: Value without tuning.
        search: Values that tuning tries; None where it is not tuned.
        doc: What it is, with the paper's symbol.
    """

    default: Any
    search: tuple[Any, ...] | None
    doc: str


@dataclass(frozen=True)
class Component:
    """One word of a method name.

    Attributes:
        name: The word.
        role: ``"loss"``, ``"term"`` or ``"option"``.
        summary: One line for the listing.
        home: Module and class that implement it, ``"rarecall.losses:BCELoss"``; empty for options.
        parameters: Its hyper-parameters by argument name.
    """

    name: str
    role: Literal["loss", "term", "option"]
    summary: str
    home: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def make(self, arguments: Mapping[str, Any]) -> Any:
        """Build the loss or term."""
        module, name = self.home.split(":")
        return getattr(importlib.import_module(module), name)(**arguments)


_BUFFER = {
    "capacity": Parameter(32, None, "positives replayed with every batch"),
    "evict": Parameter("most_confident", None, "whom a new positive replaces"),
    "max_age": Parameter(None, None, "steps after which a positive leaves; none for never"),
}

_COMPONENTS = (
    Component("bce", "loss", "binary cross-entropy, the baseline", "rarecall.losses:BCELoss"),
    Component(
        "w-bce",
        "loss",
        "cross-entropy, the critical class weighted by the class ratio",
        "rarecall.losses:WeightedBCELoss",
        {"scale": Parameter(1.0, (1 / 3, 2 / 3, 1.0), "c, share of the class ratio")},
    ),
    Component(
        "s-fl",
        "loss",
        "symmetric focal loss",
        "rarecall.losses:SymmetricFocalLoss",
        {"focus": Parameter(1.0, (0.5, 1.0, 2.0), "γ, exponent")},
    ),
    Component(
        "a-fl",
        "loss",
        "asymmetric focal loss: focal on the common class only",
        "rarecall.losses:AsymmetricFocalLoss",
        {"focus": Parameter(1.0, (0.5, 1.0, 2.0), "γ, exponent")},
    ),
    Component(
        "focal",
        "loss",
        "α-balanced focal loss",
        "rarecall.losses:FocalLoss",
        {
            "alpha": Parameter(0.75, (0.1, 0.25, 0.5, 0.75), "α, weight of the critical class"),
            "focus": Parameter(2.0, (0.0, 1.0, 2.0, 3.0), "φ, exponent"),
        },
    ),
    Component(
        "vs",
        "loss",
        "vector scaling of two logits",
        "rarecall.losses:VectorScalingLoss",
        {
            "gamma": Parameter(0.1, (0.0, 0.1, 0.2, 0.3), "γ, scaling of the critical logit"),
            "tau": Parameter(1.0, (0.0, 1.0, 2.0, 3.0), "τ, shift by the class ratio"),
        },
    ),
    Component(
        "alm",
        "term",
        "constraint that critical samples outrank all others (augmented Lagrangian)",
        "rarecall.terms:ALMConstraint",
        {
            "margin": Parameter(0.25, (0.1, 0.25, 0.5), "δ, margin"),
            "penalty": Parameter(1e-3, (1e-5, 1e-4, 1e-3, 1e-2), "μ, penalty at the start"),
            "growth": Parameter(2.0, None, "ρ, growth of μ when validation fell"),
            "scores": Parameter("probability", None, "probability or logit"),
            "normalize": Parameter("batch", None, "|P||N| of the batch or the dataset"),
            "reduction": Parameter("sum", None, "q as sum or mean over the others"),
            "tolerance": Parameter(0.0, None, "fall of the measure that lets μ grow"),
            "max_penalty": Parameter(None, None, "cap of μ; none for μ ρ⁵"),
            "max_multiplier": Parameter(None, None, "cap of every λ; none for no cap"),
        },
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
    ),
    Component(
        "replay",
        "term",
        "the buffer of positives without the rank term: the control of rankreg",
        "rarecall.terms:Replay",
        _BUFFER,
    ),
    Component("balanced", "option", "half of every batch is drawn from the critical class"),
)
_BY_NAME = {component.name: component for component in _COMPONENTS}


@dataclass(frozen=True)
class Method:
    """A parsed method name.

    Attributes:
        name: The name in its canonical order.
        loss: The base loss.
        terms: The terms, in order.
        balanced: Whether batches are balanced between the classes.
    """

    name: str
    loss: Component
    terms: tuple[Component, ...]
    balanced: bool

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Every hyper-parameter, as ``"alm.margin"``."""
        return {
            f"{component.name}.{key}": parameter
            for component in (self.loss, *self.terms)
            for key, parameter in component.parameters.items()
        }

    @property
    def summary(self) -> str:
        """One line."""
        words = [component.summary for component in (self.loss, *self.terms)]
        return "; ".join(words + ([_BY_NAME["balanced"].summary] if self.balanced else []))

    def control(self, parameters: Mapping[str, Any] | None = None) -> str | None:
        """Name the method that differs only by the rank term, where there is one.

        Args:
            parameters: The method's parameters: whether its buffer enters the base loss decides.
        """
        names = [term.name for term in self.terms]
        if "rankreg" not in names:
            return None
        counted = (parameters or {}).get("rankreg.replay_in_base_loss", False)
        others = [name for name in names if name != "rankreg"] + (["replay"] if counted else [])
        return "+".join([self.loss.name, *others, *(["balanced"] if self.balanced else [])])

    def build(self, parameters: Mapping[str, Any] | None = None) -> Objective:
        """Build the unbound objective.

        Args:
            parameters: Values that differ from the defaults, as ``{"alm.margin": 0.5}``.

        Raises:
            MethodError: A parameter is unknown or impossible.

        >>> parse("bce+alm").build({"alm.margin": 0.5}).terms[0].margin
        0.5
        """
        from rarecall.objective import Objective

        known = self.parameters
        values = {key: parameter.default for key, parameter in known.items()}
        for key, value in (parameters or {}).items():
            if key not in known:
                raise MethodError(
                    f"Method {self.name!r} has no parameter {key!r}; it has "
                    f"{', '.join(known) or 'none'}.{did_you_mean(key, known)}"
                )
            values[key] = value
        parts = []
        for component in (self.loss, *self.terms):
            arguments = {key: values[f"{component.name}.{key}"] for key in component.parameters}
            try:
                parts.append(component.make(arguments))
            except (ValueError, TypeError) as error:
                raise MethodError(f"Method {self.name!r}: {error}") from error
        return Objective(*parts)


def all_methods() -> list[Component]:
    """List the words that method names are made of.

    >>> [component.name for component in all_methods()][:3]
    ['bce', 'w-bce', 's-fl']
    """
    return list(_COMPONENTS)


def parse(name: str) -> Method:
    """Parse a method name.

    Raises:
        MethodError: A word is unknown, twice there, or the parts do not go together.

    >>> method = parse("vs+alm+balanced")
    >>> method.loss.name, [term.name for term in method.terms], method.balanced
    ('vs', ['alm'], True)
    >>> parse("focl")
    Traceback (most recent call last):
    rarecall.errors.MethodError: ... Did you mean 'focal'?
    """
    words = [word.strip() for word in name.strip().lower().split("+")]
    losses = [c.name for c in _COMPONENTS if c.role == "loss"]
    additions = [c.name for c in _COMPONENTS if c.role != "loss"]
    head, rest = words[0], words[1:]
    if head not in losses:
        raise MethodError(
            f"Method {name!r} must begin with a loss: {', '.join(losses)}; {head!r} is none."
            + did_you_mean(head, losses)
        )
    for word in rest:
        if word not in additions:
            kind = "a second loss" if word in losses else "unknown"
            raise MethodError(
                f"Method {name!r}: {word!r} is {kind}; what may follow the loss: "
                f"{', '.join(additions)}." + did_you_mean(word, additions)
            )
        if rest.count(word) > 1:
            raise MethodError(f"Method {name!r} names {word!r} twice.")
    if "rankreg" in rest and "replay" in rest:
        raise MethodError(
            f"Method {name!r}: rankreg holds a buffer of positives already, so replay would be a "
            "second one. Leave replay out; it is rankreg's control, a method of its own."
        )
    terms = tuple(_BY_NAME[word] for word in rest if _BY_NAME[word].role == "term")
    balanced = "balanced" in rest
    canonical = [head, *(term.name for term in terms), *(["balanced"] if balanced else [])]
    return Method("+".join(canonical), _BY_NAME[head], terms, balanced)
