"""What to take where nothing is known yet: a method with its ensemble, augmentation and views.

A recipe stands where the name of a method may stand, ``--methods recommended``. It is resolved for
the kind of data and of problem; what is given beside it, as a learning rate, wins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rarecall.errors import MethodError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall._asked import Kind

RECIPES = ("recommended",)
"""Names of recipes."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A method and all that is decided beside it.

    Attributes:
        method: Name in the grammar of methods.
        members: Networks whose mean score counts as one, at least.
        training: Settings that differ from the defaults, as ``{"augment": "crop+flip"}``.
        parameters: Of the method, as ``{"balanced.share": 0.25}``.
        tta: Views of an image whose scores are averaged, as ``"flip"``.
    """

    method: str
    members: int
    training: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tta: str = "none"

    def told(self) -> str:
        """Say it in a sentence.

        >>> Recipe(method="bce", members=5, tta="flip").told()
        'bce, 5 networks, their scores also of the mirrored image.'
        """
        parts = [self.method, f"{self.members} networks"]
        parts += [f"{name} {value}" for name, value in {**self.training, **self.parameters}.items()]
        if self.tta != "none":
            parts.append("their scores also of the mirrored image")
        return ", ".join(parts) + "."


_LOSSES = {"binary": "bce", "multiclass": "ce", "multilabel": "bce"}
_STRONG = "crop+flip+color:0.4+rotate:15+scale:0.2"
_TRAINING = {"schedule": "cosine"}
_AVERAGE = {"swa.kind": "ema", "swa.start": 0.25, "swa.decay": 0.99}


def find_recipe(name: str, spec: Mapping[str, Any], problem: Kind = "binary") -> Recipe:
    """Give what a recipe is for a kind of data and of problem.

    Args:
        name: Of :data:`RECIPES`.
        spec: What is known of the inputs, as a preprocessor's ``spec``: ``kind``, of images also
            ``size``.
        problem: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.

    Raises:
        MethodError: There is no such recipe.

    >>> find_recipe("recommended", {"kind": "table"}).members
    8
    >>> find_recipe("recommended", {"kind": "images", "size": [32, 32]}, "multiclass").method
    'ce+balanced+blend+swa'
    """
    if name not in RECIPES:
        raise MethodError(f"There is no recipe {name!r}; there is {', '.join(RECIPES)}.")
    loss = _LOSSES[problem]
    if spec["kind"] == "table":
        return Recipe(method=loss, members=8)
    size = spec["images"]["size"] if "images" in spec else spec["size"]
    # Inside: it imports torch, which names of recipes do not need.
    from rarecall.training.augment import SMALLEST_SIDE

    training = dict(_TRAINING)
    tta = "none"
    if len(size) == 2 and min(size) >= SMALLEST_SIDE:
        training["augment"], tta = _STRONG, "flip"
    # Batches can be neither balanced nor blended for several labels at once.
    words = "swa" if problem == "multilabel" else "balanced+blend+swa"
    return Recipe(
        method=f"{loss}+{words}", members=5, training=training, parameters=dict(_AVERAGE), tta=tta
    )
