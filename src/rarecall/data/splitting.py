"""Making the one split that all methods share, before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.allocation import LEAST, allocate_by_time, allocate_grouped, allocate_stratified
from rarecall.data.shares import SplitShares
from rarecall.data.split import Split
from rarecall.data.strata import divide_several, refuse_scarce, refuse_untrained
from rarecall.data.wording import counted, quoted
from rarecall.errors import ConfigurationError, DataError
from rarecall.metrics.views import any_critical
from rarecall.roles import Role
from rarecall.thresholds import positives_needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.data.samples import Samples

    Positions = dict[Role, NDArray[np.int64]]

_LARGEST_CALIBRATION = 0.30


def make_split(
    samples: Samples,
    *,
    shares: SplitShares | None = None,
    seed: int = 0,
    tpr: float = 0.95,
    confidence: float = 0.95,
    train_positives: int | None = None,
) -> Split:
    """Divide the samples into train, validation, calibration and test.

    At random within each class (in multi-label work, within the rows that have the same rarest
    label); by whole groups, keeping near the shares, if the samples have
    groups; along time, the oldest for training, if they have times. A given split is kept; parts
    that it lacks are taken from its training part.

    Args:
        samples: All samples.
        shares: Of the parts. By default .4, .2, .2, .2, where calibration grows, up to .3 and at
            the cost of train, if that lets it hold the positives that a guarantee needs.
        seed: Of the random choices; equal seeds give equal splits.
        tpr: The required true positive rate, in (0, 1).
        confidence: Of the guarantee, in (0, 1).
        train_positives: Keep this many positives (of each critical class) in the training part, and
            use the rest nowhere.

    Raises:
        DataError: A part would have fewer than two positives or two negatives, a group stands on
            two sides of the given split, or there are fewer positives than ``train_positives``.

    >>> from rarecall.data import load
    >>> samples = load("digits")
    >>> split = make_split(samples, tpr=0.9)
    >>> {role.value: len(rows) for role, rows in split.positions.items()}
    {'train': 718, 'validation': 360, 'calibration': 360, 'test': 359}
    """
    if train_positives is not None and train_positives < LEAST:
        raise ConfigurationError(f"train_positives must be {LEAST} or more, not {train_positives}.")
    _check_classes(samples)
    rng_seed = [seed, len(samples)]
    chosen = shares or SplitShares()
    positions, how = _allocate(samples, chosen, rng_seed)
    if shares is None:
        needed = positives_needed(tpr, confidence)
        enlarged = _enlarge_calibration(samples, positions, needed, rng_seed)
        if enlarged is not None:
            positions, share = enlarged
            whose = {
                "binary": "",
                "multiclass": ", of every critical class that allows it,",
                "multilabel": ", of every label that allows it,",
            }[samples.task.kind]
            how += (
                f" Calibration was enlarged to {share:.1%} of the samples, at the cost of train, "
                f"so that it holds{whose} the {needed} positive {_unit(samples)} that a guarantee "
                "needs."
            )
    if train_positives is not None:
        positions, dropped = _make_rare(samples, positions, train_positives, seed)
        each = "" if samples.task.kind == "binary" else " of each critical class"
        how += (
            f" Train keeps {train_positives}{each} of its "
            f"{positives_of(samples, positions[Role.TRAIN]) + dropped} positives; "
            "the rest is used nowhere."
        )
    _check_parts(samples, positions)
    return Split(positions, how, seed)


def _allocate(samples: Samples, shares: SplitShares, rng_seed: list[int]) -> tuple[Positions, str]:
    if samples.given_roles is not None:
        return _keep_given(samples, shares, rng_seed)
    everything = np.arange(len(samples))
    return _divide(samples, everything, shares.of_roles(), rng_seed)


def _divide(
    samples: Samples, rows: NDArray[np.int64], shares: Mapping[Role, float], rng_seed: list[int]
) -> tuple[Positions, str]:
    if samples.task.kind != "binary":
        return divide_several(samples, rows, shares, rng_seed)
    rng = np.random.default_rng(rng_seed)
    targets = samples.targets[rows]
    groups = None if samples.groups is None else samples.groups[rows]
    if samples.times is not None:
        found = allocate_by_time(samples.times[rows], groups, shares)
        how = f"By time: {next(iter(shares))} is the oldest, {list(shares)[-1]} the newest part"
        how += "." if groups is None else ", each group whole, where its latest sample stands."
    elif groups is not None:
        found = allocate_grouped(targets, groups, shares, rng)
        how = "At random by whole groups, near-stratified by the target."
    else:
        found = allocate_stratified(targets, shares, rng)
        how = "At random, stratified by the target."
    return {role: rows[part] for role, part in found.items()}, how


def _keep_given(
    samples: Samples, shares: SplitShares, rng_seed: list[int]
) -> tuple[Positions, str]:
    given = samples.given_roles
    assert given is not None
    positions = {role: np.flatnonzero(given == role.value) for role in Role}
    if samples.groups is not None:
        _refuse_torn_groups(samples.groups, given)
    lacking = [role for role in Role if not len(positions[role])]
    if not lacking:
        return positions, "As given by the data."
    if Role.TRAIN in lacking:
        raise DataError(
            "The given split has no training part. Mark samples with 'train' in the split column, "
            "or leave the split to rarecall."
        )
    wanted = {role: shares.of_roles()[role] for role in (Role.TRAIN, *lacking)}
    divided, how = _divide(samples, positions[Role.TRAIN], wanted, rng_seed)
    words = " and ".join(role.value for role in lacking)
    verb = "was" if len(lacking) == 1 else "were"
    return positions | divided, (
        f"As given by the data, except that {words} {verb} taken from the given train part. "
        + how.replace("At random", "That was at random").replace("By time", "That was by time")
    )


def _refuse_torn_groups(groups: NDArray[np.str_], given: NDArray[np.str_]) -> None:
    names, member = np.unique(groups, return_inverse=True)
    _, role = np.unique(given, return_inverse=True)
    lowest = np.full(len(names), len(given), dtype=np.int64)
    highest = np.full(len(names), -1, dtype=np.int64)
    np.minimum.at(lowest, member, role)
    np.maximum.at(highest, member, role)
    torn = names[lowest != highest]
    if len(torn):
        stand = "stands" if len(torn) == 1 else "stand"
        raise DataError(
            f"A group must be on one side of the split, or the test flatters the model, but "
            f"{counted(len(torn), 'group')} of the given split {stand} on more than one: "
            f"{quoted(list(torn), most=5)}. Correct the split column, or leave the split to "
            "rarecall."
        )


def _enlarge_calibration(
    samples: Samples, positions: Positions, needed: int, rng_seed: list[int]
) -> tuple[Positions, float] | None:
    if samples.given_roles is not None and bool((samples.given_roles == Role.CALIBRATION).any()):
        return None
    everything, calibration = np.arange(len(samples)), positions[Role.CALIBRATION]
    units = {
        number: total
        for number in samples.critical_names
        if (total := _positive_units(samples, everything, number)) * _LARGEST_CALIBRATION >= needed
        and _positive_units(samples, calibration, number) < needed
    }
    if not units:
        return None
    enough = {
        number
        for number in samples.critical_names
        if number in units or _positive_units(samples, calibration, number) >= needed
    }
    base = SplitShares()
    share = max(needed / min(units.values()), base.calibration)
    while share <= _LARGEST_CALIBRATION:
        grown = replace(base, calibration=share, train=1 - share - base.validation - base.test)
        found, _ = _allocate(samples, grown, rng_seed)
        if all(_positive_units(samples, found[Role.CALIBRATION], k) >= needed for k in enough):
            return found, len(found[Role.CALIBRATION]) / len(samples)
        # Groups and periods do not follow the shares exactly; look a little further.
        share += 0.01
    return None


def positives_of(samples: Samples, rows: NDArray[np.int64], number: int | None = None) -> int:
    """Count the samples of one critical class or label among rows, or of any."""
    if number is None:
        return int(any_critical(samples.targets[rows], samples.task).positive.sum())
    return int(samples.masks(number).positive[rows].sum())


def _positive_units(samples: Samples, rows: NDArray[np.int64], number: int = 1) -> int:
    critical = rows[samples.masks(number).positive[rows]]
    return len(critical) if samples.groups is None else len(np.unique(samples.groups[critical]))


def _unit(samples: Samples) -> str:
    return "samples" if samples.groups is None else "groups"


def _make_rare(
    samples: Samples, positions: Positions, keep: int, seed: int
) -> tuple[Positions, int]:
    if samples.task.kind == "multilabel":
        raise ConfigurationError(
            "train_positives cannot be used in a multi-label task: leaving out a sample for one "
            "label changes the others."
        )
    rows = positions[Role.TRAIN]
    # A seed of its own, so that the other parts are the same whatever is kept here.
    rng = np.random.default_rng([seed, len(samples), 1])
    kept, dropped = [rows[any_critical(samples.targets[rows], samples.task).negative]], 0
    for number, name in samples.critical_names.items():
        critical = rows[samples.masks(number).positive[rows]]
        if len(critical) < keep:
            of = "" if samples.task.kind == "binary" else f" of {name!r}"
            raise DataError(
                f"train_positives asks for {keep} positives{of} in the training part, but it has "
                f"{len(critical)}. Ask for at most that many."
            )
        kept.append(rng.permutation(critical)[:keep])
        dropped += len(critical) - keep
    return positions | {Role.TRAIN: np.sort(np.concatenate(kept))}, dropped


def _check_classes(samples: Samples) -> None:
    positives = samples.positives
    least = LEAST * len(Role)
    if samples.given_roles is not None:
        return
    if samples.task.kind != "binary":
        refuse_scarce(samples)
        return
    for count, what in ((positives, "critical"), (len(samples) - positives, "other")):
        if count < least:
            raise DataError(
                f"At least {least} {what} samples are needed, {LEAST} for each of train, "
                f"validation, calibration and test, but there "
                f"{'is' if count == 1 else 'are'} {count} (critical label: {samples.critical!r}). "
                "Collect more, or choose another critical label."
            )


def _check_parts(samples: Samples, positions: Positions) -> None:
    short = []
    for role in Role:
        rows = positions[role]
        for number, name in samples.critical_names.items():
            masks = samples.masks(number)
            positives = int(masks.positive[rows].sum())
            negatives = int(masks.negative[rows].sum())
            if min(positives, negatives) < LEAST:
                of = "" if samples.task.kind == "binary" else f" of {name!r}"
                short.append(f"{role.value} has {positives} critical and {negatives} other{of}")
    if not short:
        refuse_untrained(samples, positions[Role.TRAIN])
        return
    reason = "Collect more samples or change the shares."
    if samples.given_roles is not None:
        reason = "Change the given split, or leave the split to rarecall."
    elif samples.times is not None:
        reason = "Some period holds too few; change the shares, or split without the time column."
    elif samples.groups is not None:
        groups = samples.groups[any_critical(samples.targets, samples.task).positive]
        carriers = len(np.unique(groups))
        reason = (
            f"Groups stay whole, and {carriers} of them hold critical samples; "
            "add groups, or change the shares."
        )
    raise DataError(
        f"Each part of the split needs at least {LEAST} critical and {LEAST} other samples, but "
        f"{'; '.join(short)}. {reason}"
    )
