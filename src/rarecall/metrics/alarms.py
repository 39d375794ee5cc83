"""What an operating point means in use: alarms, real ones and misses among so many cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rarecall.errors import ConfigurationError
from rarecall.metrics.inputs import checked_share


@dataclass(frozen=True)
class Alarms:
    """Expected counts among ``per`` cases; fractions of a case are kept.

    Attributes:
        flagged: Cases flagged; ``real + false``.
        real: Critical cases flagged.
        false: Other cases flagged.
        missed: Critical cases that are not flagged.
        precision: Share of the flagged cases that are critical, in [0, 1]; NaN where none is
            flagged.
        per: How many cases the counts are among.
    """

    flagged: float
    real: float
    false: float
    missed: float
    precision: float
    per: float = 1000


def expected_alarms(tpr: float, fpr: float, prevalence: float, per: float = 1000) -> Alarms:
    r"""Count the alarms to expect at an operating point, where critical cases have a given share.

    .. math:: \mathrm{real} = n \pi \, \mathrm{TPR}, \qquad
              \mathrm{false} = n (1 - \pi) \, \mathrm{FPR}

    The two rates do not depend on the prevalence, so they carry over from a test set that is rich
    in critical samples to the place of use, as long as both classes look the same there. The
    precision does not carry over.

    Args:
        tpr: True positive rate, in [0, 1].
        fpr: False positive rate, in [0, 1].
        prevalence: Share :math:`\pi` of critical cases in use, in (0, 1).
        per: Number of cases :math:`n`, above 0.

    Raises:
        ConfigurationError: A rate or number outside its range.

    >>> alarms = expected_alarms(tpr=0.95, fpr=0.1, prevalence=0.02)
    >>> round(alarms.flagged, 6), round(alarms.real, 6), round(alarms.false, 6)
    (117.0, 19.0, 98.0)
    >>> round(alarms.missed, 6), round(alarms.precision, 3)
    (1.0, 0.162)
    """
    tpr, fpr = _rate(tpr, "tpr"), _rate(fpr, "fpr")
    prevalence = checked_share(prevalence, "prevalence", one=False)
    per = float(per)
    if not (math.isfinite(per) and per > 0):
        raise ConfigurationError(f"per must be a finite number above 0, not {per:g}.")
    real, false = per * prevalence * tpr, per * (1.0 - prevalence) * fpr
    flagged = real + false
    return Alarms(
        flagged=flagged,
        real=real,
        false=false,
        missed=per * prevalence * (1.0 - tpr),
        precision=real / flagged if flagged else math.nan,
        per=per,
    )


def _rate(value: float, name: str) -> float:
    rate = float(value)
    if not 0.0 <= rate <= 1.0:
        hint = f" For {rate:g}% give {rate / 100:g}." if 1.0 < rate <= 100.0 else ""
        raise ConfigurationError(f"{name} must lie between 0 and 1, not {rate:g}.{hint}")
    return rate
