"""The words of a method name, and their hyper-parameters."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Parameter:
    """A hyper-parameter of a loss, a term or an option.

    Attributes:
        default: Value without tuning.
        search: Values that tuning tries; None where it is not tuned.
        doc: What it is, with the paper's symbol.
        density: ``(a, b, h_b)`` of the linear density that loss-conditional training draws it
            from by default; None where it cannot be drawn.
        from_run: Name of the run's setting that is its default in ``compare``, such as ``"tpr"``.
    """

    default: Any
    search: tuple[Any, ...] | None
    doc: str
    density: tuple[float, float, float] | None = None
    from_run: str | None = None


@dataclass(frozen=True)
class Component:
    """One word of a method name.

    Attributes:
        name: The word.
        role: ``"loss"``, ``"term"`` or ``"option"``.
        summary: One line for the listing.
        home: Module and class that implement it, ``"rarecall.losses:BCELoss"``; empty for options.
        parameters: Its hyper-parameters by argument name.
        tasks: Kinds of problem that it is made for.
        needs: What it asks of the user's loop or network, in a few words; empty for nothing.
        group: Options of one group exclude each other.
        fresh_head: Whether, after pre-training, the last layer starts anew by default.
    """

    name: str
    role: Literal["loss", "term", "option"]
    summary: str
    home: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    tasks: tuple[str, ...] = ("binary",)
    needs: str = ""
    group: str = ""
    fresh_head: bool = False

    @property
    def part(self) -> str:
        """Name of the implementing class."""
        return self.home.partition(":")[2]

    def make(self, arguments: Mapping[str, Any]) -> Any:
        """Build the loss or term."""
        module, name = self.home.split(":")
        return getattr(importlib.import_module(module), name)(**arguments)
