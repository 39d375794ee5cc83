"""From a method's name to what it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rarecall.errors import MethodError, did_you_mean
from rarecall.methods.catalog import COMPONENTS
from rarecall.methods.components import Component, Parameter
from rarecall.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rarecall.objective import Objective

_BY_NAME = {component.name: component for component in COMPONENTS}

PRETRAIN = {
    "share": Parameter(0.5, None, "share of the steps that the first stage gets"),
    "fresh_head": Parameter(None, None, "whether the last layer starts anew; none: as AUC losses"),
}
"""What a pre-training stage adds, as ``pretrain.share``."""


@dataclass(frozen=True)
class Method:
    """A parsed method name.

    Attributes:
        name: The name in its canonical order.
        loss: The base loss.
        terms: The terms, in order.
        options: How it is trained, in the order of the listing.
        pretrain: The first stage of a two-stage method, or None.
    """

    name: str
    loss: Component
    terms: tuple[Component, ...] = ()
    options: tuple[Component, ...] = ()
    pretrain: Method | None = None

    def has(self, word: str) -> bool:
        """Whether an option or a term is part of the method.

        >>> parse("bce+balanced").has("balanced")
        True
        """
        return any(word == component.name for component in (*self.terms, *self.options))

    @property
    def balanced(self) -> bool:
        """Whether batches hold a set share of critical samples."""
        return self.has("balanced")

    @property
    def tasks(self) -> tuple[str, ...]:
        """Kinds of problem that every part of it is made for."""
        parts = [self.loss, *self.terms, *self.options]
        kinds = [kind for kind in self.loss.tasks if all(kind in part.tasks for part in parts)]
        if self.pretrain is not None:
            kinds = [kind for kind in kinds if kind in self.pretrain.tasks]
        return tuple(kinds)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Every hyper-parameter, as ``"alm.margin"``; of the first stage ``"pretrain.vs.tau"``."""
        own = {
            f"{component.name}.{key}": parameter
            for component in (self.loss, *self.terms, *self.options)
            for key, parameter in component.parameters.items()
        }
        if self.pretrain is not None:
            earlier = {**PRETRAIN, **self.pretrain.parameters}
            own |= {f"pretrain.{key}": parameter for key, parameter in earlier.items()}
        return own

    @property
    def conditionable(self) -> dict[str, tuple[float, float, float]]:
        """Hyper-parameters that loss-conditional training can draw, with their densities."""
        return {
            f"{component.name}.{key}": parameter.density
            for component in (self.loss, *self.terms)
            for key, parameter in component.parameters.items()
            if parameter.density is not None
        }

    def drawn(self, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Hyper-parameters that are drawn anew for every batch, with their densities.

        >>> sorted(parse("vs+lct").drawn()), parse("vs").drawn()
        (['vs.gamma', 'vs.tau'], {})
        """
        words = [option.name for option in self.options if option.group == "conditioning"]
        if not words:
            return {}
        given = self.values(parameters)[f"{words[0]}.densities"]
        return dict(self.conditionable if given is None else given)

    @property
    def summary(self) -> str:
        """One line."""
        words = [part.summary for part in (self.loss, *self.terms, *self.options)]
        first = [] if self.pretrain is None else [f"after pre-training with {self.pretrain.name}"]
        return "; ".join(first + words)

    def control(self, parameters: Mapping[str, Any] | None = None) -> str | None:
        """Name the method that differs only by the rank term, where there is one.

        Args:
            parameters: The method's parameters: whether its buffer enters the base loss decides.
        """
        if not self.has("rankreg"):
            return None
        counted = (parameters or {}).get("rankreg.replay_in_base_loss", False)
        others = [term.name for term in self.terms if term.name != "rankreg"]
        words = [self.loss.name, *others, *(["replay"] if counted else [])]
        words += [option.name for option in self.options]
        first = "" if self.pretrain is None else f"{self.pretrain.name}>"
        return parse(first + "+".join(words)).name

    def values(self, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Every parameter's value: what is given, else its default.

        Raises:
            MethodError: A parameter is unknown.
        """
        known = self.parameters
        values = {key: parameter.default for key, parameter in known.items()}
        for key, value in (parameters or {}).items():
            if key not in known:
                raise MethodError(
                    f"Method {self.name!r} has no parameter {key!r}; it has "
                    f"{', '.join(known) or 'none'}.{did_you_mean(key, known)}"
                )
            values[key] = value
        return values

    def option(self, word: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Arguments of one option (or of ``"pretrain"``), by their own names.

        >>> parse("bce+balanced").option("balanced", {"balanced.share": 0.25})
        {'share': 0.25}
        """
        keys = PRETRAIN if word == "pretrain" else _BY_NAME[word].parameters
        values = self.values(parameters)
        return {key: values[f"{word}.{key}"] for key in keys}

    def first_stage(self, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Give the parameters that belong to the pre-training stage, by its own names."""
        if self.pretrain is None:
            return {}
        own = self.pretrain.parameters
        given = {
            key.removeprefix("pretrain."): value
            for key, value in (parameters or {}).items()
            if key.startswith("pretrain.")
        }
        return {key: value for key, value in given.items() if key in own}

    def build(self, parameters: Mapping[str, Any] | None = None) -> Objective:
        """Build the unbound objective; of a two-stage method, that of its last stage.

        Args:
            parameters: Values that differ from the defaults, as ``{"alm.margin": 0.5}``.

        Raises:
            MethodError: A parameter is unknown or impossible.

        >>> parse("bce+alm").build({"alm.margin": 0.5}).terms[0].margin
        0.5
        """
        from rarecall.objective import Objective

        values = self.values(parameters)
        try:
            parts = [
                component.make(
                    {key: values[f"{component.name}.{key}"] for key in component.parameters}
                )
                for component in (self.loss, *self.terms)
            ]
            return Objective(*parts, conditioning=self._conditioning(values))
        except (ValueError, TypeError) as error:
            raise MethodError(f"Method {self.name!r}: {error}") from error

    def _conditioning(self, values: Mapping[str, Any]) -> Any:
        densities = self.drawn(values)
        words = [option.name for option in self.options if option.group == "conditioning"]
        if not words:
            return None
        from rarecall.conditioning import Conditioning, LinearDensity

        places = {part.name: part.part for part in self.terms} | {self.loss.name: "loss"}
        drawn = {}
        for key, density in densities.items():
            if key not in self.conditionable:
                raise ValueError(
                    f"{words[0]} cannot draw {key!r}; it can draw {', '.join(self.conditionable)}."
                )
            name, _, argument = key.partition(".")
            drawn[f"{places[name]}.{argument}"] = LinearDensity(*density)
        return Conditioning(drawn, film=words[0] == "lct")


def all_methods() -> list[Component]:
    """List the words that method names are made of.

    >>> [component.name for component in all_methods()][:3]
    ['bce', 'ce', 'w-bce']
    """
    return list(COMPONENTS)


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
    stages = name.strip().lower().split(">")
    if len(stages) > 2:
        raise MethodError(f"Method {name!r} has {len(stages)} stages; two are the most.")
    last = _stage(name, stages[-1])
    if len(stages) == 1:
        return last
    first = _stage(name, stages[0])
    refused = [option.name for option in first.options if option.group == "conditioning"]
    if refused:
        raise MethodError(
            f"Method {name!r}: {refused[0]} in the first stage would be lost, as the second stage "
            "trains without its λ. Name it in the second stage."
        )
    return Method(f"{first.name}>{last.name}", last.loss, last.terms, last.options, first)


def _stage(name: str, text: str) -> Method:
    words = [word.strip() for word in text.split("+")]
    losses = [c.name for c in COMPONENTS if c.role == "loss"]
    additions = [c.name for c in COMPONENTS if c.role != "loss"]
    head, rest = words[0], words[1:]
    if head not in losses:
        raise MethodError(
            f"Method {name!r} must begin with a loss: {', '.join(losses)}; {head!r} is none."
            + _hint(head, losses)
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
    terms = tuple(_BY_NAME[word] for word in rest if _BY_NAME[word].role == "term")
    options = tuple(c for c in COMPONENTS if c.role == "option" and c.name in rest)
    canonical = [head, *(part.name for part in (*terms, *options))]
    method = Method("+".join(canonical), _BY_NAME[head], terms, options)
    _refuse(name, method)
    return method


_DECIDES = {
    "optimiser": "how a step is taken",
    "conditioning": "whether the network is told what is drawn",
}
"""What the options of a group decide, of which a method can have one."""


def _refuse(name: str, method: Method) -> None:
    """Refuse combinations that mean nothing, with the reason."""
    if method.has("rankreg") and method.has("replay"):
        raise MethodError(
            f"Method {name!r}: rankreg holds a buffer of positives already, so replay would be a "
            "second one. Leave replay out; it is rankreg's control, a method of its own."
        )
    groups: dict[str, str] = {}
    for option in method.options:
        other = groups.setdefault(option.group, option.name) if option.group else option.name
        if other != option.name:
            raise MethodError(
                f"Method {name!r}: {other} and {option.name} exclude each other, as each decides "
                f"{_DECIDES[option.group]}; name one of them."
            )
        if option.group == "conditioning" and not method.conditionable:
            able = [c.name for c in COMPONENTS if any(p.density for p in c.parameters.values())]
            raise MethodError(
                f"Method {name!r}: {option.name} draws hyper-parameters anew for every batch, but "
                f"no part of {method.loss.name} has one that can be drawn. Parts that have: "
                f"{', '.join(able)}."
            )
    if not method.tasks:
        parts = (method.loss, *method.terms, *method.options)
        kinds = "; ".join(f"{part.name} is for {' and '.join(part.tasks)}" for part in parts)
        raise MethodError(f"Method {name!r} fits no kind of problem: {kinds}.")


def _hint(head: str, losses: Iterable[str]) -> str:
    if head in RECIPES:
        return f" {head!r} stands alone: it brings its own terms and options."
    return did_you_mean(head, [*losses, *RECIPES])
