"""How much of the data plays which role."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rarecall.errors import ConfigurationError
from rarecall.roles import Role


@dataclass(frozen=True)
class SplitShares:
    """Shares of the samples, each in (0, 1), together 1.

    Attributes:
        train: For fitting the models.
        validation: For choosing checkpoints, hyper-parameters and the winner.
        calibration: For the threshold and its guarantee; nothing else may look at it.
        test: For the final numbers; looked at once.

    Raises:
        ConfigurationError: A share is not in (0, 1), or they do not add up to 1.

    >>> SplitShares(train=0.5, validation=0.2, calibration=0.2, test=0.2)
    Traceback (most recent call last):
        ...
    rarecall.errors.ConfigurationError: The shares of the split must add up to 1, but
    0.5 + 0.2 + 0.2 + 0.2 = 1.1.
    """

    train: float = 0.4
    validation: float = 0.2
    calibration: float = 0.2
    test: float = 0.2

    def __post_init__(self) -> None:
        for role, share in self.of_roles().items():
            if not 0 < share < 1:
                raise ConfigurationError(
                    f"Each share of the split must be between 0 and 1, but {role} has {share}."
                )
        values = list(self.of_roles().values())
        if not math.isclose(math.fsum(values), 1, abs_tol=1e-6):
            terms = " + ".join(f"{value:g}" for value in values)
            raise ConfigurationError(
                f"The shares of the split must add up to 1, but {terms} = {math.fsum(values):g}."
            )

    def of_roles(self) -> dict[Role, float]:
        """Give the share of every role."""
        return {role: float(getattr(self, role.value)) for role in Role}
