"""The words that ``augment`` knows: changes, what they take after a colon, presets.

Changes are joined by ``+`` and happen in that order; some take an amount, ``rotate:15``.

=================== ====================================================================
``crop``            shift by up to an eighth of the sides, black beyond (CIFAR's crop)
``flip``            left to right, with probability one half
``flips``           also upside down: images without an up, as those of a microscope
``rotate:15``       by up to so many degrees
``scale:0.1``       larger or smaller by up to this share
``shear:5``         by up to so many degrees
``translate:0.05``  by up to this share of the sides
``resized-crop:.08`` a part of at least this share of the area, brought to full size
``color:0.4``       brightness, contrast and saturation, each by up to this share
``coarse-dropout:.2`` black squares, of sides this share of the image's shorter one
=================== ====================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.training.augmentations_place import (
    Place,
    cutting_out,
    rotation,
    scaling,
    shearing,
    translation,
)

PRESETS = {
    "melanoma": "flip+rotate:180+scale:0.125+shear:2+coarse-dropout:0.2",
    "chexpert": "rotate:15+translate:0.05+scale:0.1",
    "imagenet": "resized-crop:0.08+flip",
}
"""Changes that go together. Deep AUC names those of ``melanoma`` (after a public notebook) and
``chexpert`` without amounts; LCT names none for its pre-trained networks, and ``imagenet`` is how
such networks are usually trained. The amounts are ours."""


@dataclass(frozen=True)
class Amount:
    """What a change takes after its colon."""

    default: float
    most: float
    place: Callable[[float], Place] | None = None


PLAIN = ("crop", "flip", "flips")
"""Changes that take no amount."""
WITH_AMOUNT = {
    "rotate": Amount(15.0, 180.0, rotation),
    "scale": Amount(0.1, 1.0, scaling),
    "shear": Amount(5.0, 45.0, shearing),
    "translate": Amount(0.05, 0.5, translation),
    "resized-crop": Amount(0.08, 1.0, cutting_out),
    "color": Amount(0.4, 1.0),
    "coarse-dropout": Amount(0.2, 1.0),
}
"""Changes that take one."""
_ALONE = ("auto", "none")


def augment_names() -> tuple[str, ...]:
    """Give all words that ``augment`` knows: those that stand alone, presets, changes.

    >>> augment_names()[:5]
    ('auto', 'none', 'melanoma', 'chexpert', 'imagenet')
    """
    return (*_ALONE, *PRESETS, *PLAIN, *WITH_AMOUNT)


def check_augment(augment: str | Sequence[str]) -> str:
    """Check names of changes; give them joined by ``+``, presets as their names.

    Args:
        augment: Words of :func:`augment_names` joined by ``+``, or a list of them.

    Raises:
        ConfigurationError: A word is unknown, named twice, or has an amount that it cannot have.

    >>> check_augment(["flip", "rotate:15"])
    'flip+rotate:15'
    >>> check_augment("flip+rotat")
    Traceback (most recent call last):
    rarecall.errors.ConfigurationError: augment knows no 'rotat'. Did you mean 'rotate'? ...
    """
    if isinstance(augment, str):
        joined = augment
    elif isinstance(augment, Sequence) and all(isinstance(word, str) for word in augment):
        joined = "+".join(augment)
    else:
        raise ConfigurationError(
            f"augment must be names joined by +, as crop+flip, or a list of them, not {augment!r}."
        )
    words_of(joined)
    return joined


def words_of(augment: str) -> list[tuple[str, float]]:
    """Parse into words with their amounts, presets expanded; none for those that stand alone."""
    if augment in _ALONE:
        return []
    given = [part for word in augment.split("+") for part in PRESETS.get(word, word).split("+")]
    found: dict[str, float] = {}
    for word in given:
        name, colon, amount = word.partition(":")
        if name in _ALONE:
            raise ConfigurationError(f"augment {name} stands alone, not as in {augment!r}.")
        if name not in PLAIN and name not in WITH_AMOUNT:
            near = did_you_mean(name, augment_names())
            raise ConfigurationError(
                f"augment knows no {name!r}.{near} Join with + from "
                f"{', '.join((*PRESETS, *PLAIN, *WITH_AMOUNT))}; or auto or none."
            )
        if name in found:
            raise ConfigurationError(f"augment {augment!r} names {name} twice.")
        found[name] = _amount(name, amount) if colon else _default(name)
    return list(found.items())


def _default(name: str) -> float:
    return WITH_AMOUNT[name].default if name in WITH_AMOUNT else 0.0


def _amount(name: str, text: str) -> float:
    if name not in WITH_AMOUNT:
        raise ConfigurationError(f"augment {name} takes no amount, but has {text!r}.")
    most = WITH_AMOUNT[name].most
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise ConfigurationError(
            f"augment {name} takes a number from 0 to {most:g} after the colon, not {text!r}."
        )
    return value
