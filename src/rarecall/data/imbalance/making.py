"""Imbalance protocols by name, as protocol files ask for them."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from rarecall.data.imbalance.folds import patient_folds
from rarecall.data.imbalance.halved import halves
from rarecall.data.imbalance.long_tail import long_tailed, step_imbalance
from rarecall.data.imbalance.noise import with_easy_samples, with_flipped_labels, with_noisy_samples
from rarecall.data.imbalance.pairs import binary_pair
from rarecall.data.imbalance.small import small_sample
from rarecall.data.imbalance.splits import stratified_splits
from rarecall.data.imbalance.superclasses import superclass
from rarecall.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike

    from rarecall.data.imbalance.manifest import Manifest

_PROTOCOLS: dict[str, Callable[..., Any]] = {
    "binary_pair": binary_pair,
    "superclass": superclass,
    "step": step_imbalance,
    "long_tailed": long_tailed,
    "halves": halves,
    "small_sample": small_sample,
    "splits": stratified_splits,
    "patient_folds": patient_folds,
}
_TAILED = ("step", "long_tailed")
_COHORTS = ("splits", "patient_folds")
_DATA = ("labels", "test_labels", "groups", "test_groups")
_ALIASES = {"patient_folds": {"splits": "folds"}}
_NOISE = ("label_noise", "noise_among", "noisy", "easy", "scores")


def imbalance_names() -> list[str]:
    """Name the imbalance protocols that :func:`make` knows.

    >>> imbalance_names()[:3]
    ['binary_pair', 'superclass', 'step']
    """
    return list(_PROTOCOLS)


def imbalance_parameters(name: str) -> dict[str, bool]:
    """Name the parameters of a protocol, and say of each whether it must be given.

    Raises:
        ConfigurationError: There is no such protocol.

    >>> [word for word, needed in imbalance_parameters("binary_pair").items() if needed]
    ['negative', 'positive', 'ratio']
    """
    known = {
        word: each.default is Parameter.empty
        for word, each in signature(_function(name)).parameters.items()
        if word not in _DATA and each.kind is Parameter.KEYWORD_ONLY
    }
    if name in _TAILED:
        known |= imbalance_parameters("long_tailed") if name == "step" else {}
        known = {word: needed for word, needed in known.items() if word not in ("step", "member")}
        known["members"] = False
    return known | dict.fromkeys((*_ALIASES.get(name, ()), "by_sample", *_NOISE), False)


def check_imbalance(name: str, parameters: Mapping[str, Any]) -> None:
    """Refuse a protocol or parameters that :func:`make` would not take, before any data is read.

    Raises:
        ConfigurationError: The name is unknown, a parameter is, or one is missing.

    >>> check_imbalance("long_tailed", {"ratio": 0.01})
    """
    known = imbalance_parameters(name)
    for word in parameters:
        if word not in known:
            raise ConfigurationError(
                f"The imbalance protocol {name} has no parameter {word!r}."
                f"{did_you_mean(word, known)} It has {', '.join(known)}."
            )
    lacking = [word for word, needed in known.items() if needed and word not in parameters]
    if lacking:
        raise ConfigurationError(f"The imbalance protocol {name} needs {' and '.join(lacking)}.")
    if (parameters.get("noise_among") is not None) and not parameters.get("label_noise"):
        raise ConfigurationError("noise_among says which labels label_noise turns over; give both.")


def make(
    name: str,
    labels: ArrayLike,
    test_labels: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    test_groups: ArrayLike | None = None,
    **parameters: Any,
) -> list[Manifest]:
    """Make the manifests of a protocol by its name, one an ensemble member.

    Args:
        name: ``"binary_pair"``, ``"superclass"``, ``"step"``, ``"long_tailed"``, ``"halves"``,
            ``"small_sample"``, ``"splits"`` or ``"patient_folds"``.
        labels: Of every sample of the training pool.
        test_labels: Of the test pool; only ``splits`` and ``patient_folds`` go without.
        groups: Patient of every sample of the training pool. ``splits`` and ``patient_folds`` keep
            patients whole; the other protocols draw single samples, and refuse groups.
        test_groups: The same of the test pool, for ``patient_folds``.
        parameters: Of the protocol, as its function describes them, ``members``, ``mode`` and
            ``seed`` among them. Besides, for any: ``label_noise`` (and ``noise_among``) as
            :func:`with_flipped_labels`, ``noisy`` as :func:`with_noisy_samples`, ``easy`` with
            ``scores`` as :func:`with_easy_samples`; and ``by_sample=True`` draws single samples
            although patients are known, as some papers do. ``splits`` counts the folds, too.

    Raises:
        ConfigurationError: The name or a parameter is unknown, one is missing, or the pool has too
            few samples for it.
        DataError: Patients stand in both pools, or some samples have none.

    >>> import numpy as np
    >>> pool = np.repeat(np.arange(10), 100)
    >>> made = make("halves", pool, pool, share=0.1, members=3, label_noise=0.2)
    >>> len(made), made[0].protocol, len(made[0].flipped)
    (3, 'halves', 100)
    """
    check_imbalance(name, parameters)
    noise = {word: parameters.pop(word) for word in _NOISE if word in parameters}
    function = _function(name)
    for word, meant in _ALIASES.get(name, {}).items():
        if word in parameters:
            parameters[meant] = parameters.pop(word)
    if parameters.pop("by_sample", False) and name != "patient_folds":
        groups = None
    if name in _COHORTS:
        parameters["groups"] = groups
        if name == "patient_folds":
            parameters["test_groups"] = test_groups
            if groups is None:
                raise ConfigurationError(
                    "patient_folds needs the patient of every sample, and this data set names "
                    "none. Use splits."
                )
    elif groups is not None:
        raise ConfigurationError(
            f"{name} draws single samples, so that a patient could stand in training and in "
            "validation. Use splits or patient_folds; by_sample=True if that is wanted."
        )
    elif test_labels is None:
        raise ConfigurationError(
            f"{name} needs a test pool, and this data set has none. Use splits or patient_folds, "
            "which hold a test part out."
        )
    if name in _TAILED:
        members = parameters.pop("members", 1)
        made = [
            function(labels, test_labels, member=member, **parameters) for member in range(members)
        ]
    else:
        made = function(labels, test_labels, **parameters)
    return [_with_noise(one, labels, noise, int(parameters.get("seed", 0))) for one in made]


def _with_noise(one: Manifest, labels: ArrayLike, noise: dict[str, Any], seed: int) -> Manifest:
    # Members that draw their own training set draw their own noise; those that share one share it.
    number = seed + (1009 * one.member if one.mode == "as-published" else 0)
    if noise.get("noisy"):
        one = with_noisy_samples(one, labels, noise["noisy"], seed=number)
    if noise.get("easy"):
        if noise.get("scores") is None:
            raise ConfigurationError(
                "easy samples are the removed positives that a trained model scores highest: give "
                "its scores of the training pool, scores=…, or call with_easy_samples later."
            )
        one = with_easy_samples(one, labels, noise["easy"], scores=noise["scores"])
    if noise.get("label_noise"):
        among = noise.get("noise_among")
        one = with_flipped_labels(
            one, labels, noise["label_noise"], among="all" if among is None else among, seed=number
        )
    return one


def _function(name: str) -> Callable[..., Any]:
    try:
        return _PROTOCOLS[name]
    except KeyError:
        raise ConfigurationError(
            f"There is no imbalance protocol {name!r}.{did_you_mean(name, _PROTOCOLS)} There are "
            f"{', '.join(_PROTOCOLS)}."
        ) from None
