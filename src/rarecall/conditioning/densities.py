"""Linear densities: how a hyper-parameter is drawn in loss-conditional training."""

from __future__ import annotations

import math


class LinearDensity:
    r"""A density on an interval whose height changes linearly from one end to the other.

    .. math::
        L(a, b, h_b): \quad
        f(x) = h_a + (h_b - h_a) \frac{x - a}{b - a}, \qquad h_a = \frac{2}{b - a} - h_b

    Unlike a triangular density it need not vanish at an end, unlike a uniform one it may favour
    one side. With :math:`h_a = h_b` it is uniform.

    Args:
        a: Lower end of the interval.
        b: Upper end, >= a. With ``a == b`` all the mass lies at that point.
        h_b: Height at ``b``, from 0 (which favours ``a`` most) to 2 / (b - a) (which favours
            ``b`` most); None for the uniform density. A point has no height: it is ignored.

    Raises:
        ValueError: The interval or the height is impossible. The paper's L(1, 3, 2) is refused:
            its height at 1 would be -1.

    Reference:
        *Training over a Distribution of Hyperparameters* (loss-conditional training),
        appendix D.

    >>> density = LinearDensity(0.0, 3.0, 0.0)
    >>> density.mean, density.quantile(0.75)
    (1.0, 1.5)
    >>> LinearDensity(1.0, 3.0, 2.0)
    Traceback (most recent call last):
    ValueError: L(1, 3, 2) is no density: ... Choose h_b from 0 to 2 / (b - a) = 1.
    """

    def __init__(self, a: float, b: float, h_b: float | None = None) -> None:
        if not (math.isfinite(a) and math.isfinite(b) and a <= b):
            raise ValueError(f"A linear density needs finite ends a <= b; got a={a}, b={b}.")
        self.a = float(a)
        self.b = float(b)
        self.h_a = self.h_b = math.inf
        if self.is_point:
            return
        largest = 2 / (self.b - self.a)
        if h_b is None:
            h_b = largest / 2
        # As wide as rounding: 2 / (0.3 - 0.1) is not the 10.0 that a user writes.
        if not -1e-9 * largest <= h_b <= largest * (1 + 1e-9):
            lower = f"its height at {a:g} would be {largest - h_b:g}" if h_b > 0 else "h_b < 0"
            raise ValueError(
                f"L({a:g}, {b:g}, {h_b:g}) is no density: {lower}. Choose h_b from 0 to "
                f"2 / (b - a) = {largest:g}."
            )
        self.h_b = min(max(float(h_b), 0.0), largest)
        self.h_a = largest - self.h_b

    @property
    def is_point(self) -> bool:
        """Whether all the mass lies at one value."""
        return self.a == self.b

    @property
    def mean(self) -> float:
        """Expected value."""
        if self.is_point:
            return self.a
        width = self.b - self.a
        return self.a + width * width * (self.h_a + 2 * self.h_b) / 6

    def pdf(self, x: float) -> float:
        """Height at ``x``; 0 outside the interval, infinite at a point's value."""
        if not self.a <= x <= self.b:
            return 0.0
        if self.is_point:
            return math.inf
        return self.h_a + (self.h_b - self.h_a) * (x - self.a) / (self.b - self.a)

    def cdf(self, x: float) -> float:
        """Mass up to ``x``."""
        if x >= self.b:
            return 1.0
        if x <= self.a:
            return 0.0
        return (x - self.a) * (self.h_a + self.pdf(x)) / 2

    def quantile(self, u: float) -> float:
        r"""Inverse of :meth:`cdf`: the value below which a share ``u`` of the mass lies.

        .. math:: x = a + \frac{2 u}{h_a + \sqrt{(1 - u) h_a^2 + u h_b^2}}

        Args:
            u: In [0, 1].

        Raises:
            ValueError: It is outside.
        """
        if not 0 <= u <= 1:
            raise ValueError(f"A quantile is asked for a share in [0, 1], not for {u}.")
        if self.is_point or u == 0:
            return self.a
        # This root of the quadratic cancels nowhere, the uniform density included.
        root = math.sqrt((1 - u) * self.h_a**2 + u * self.h_b**2)
        return min(self.a + 2 * u / (self.h_a + root), self.b)

    def grid(self, points: int) -> list[float]:
        """Evenly spaced values from end to end; the mean alone where one is asked for.

        Args:
            points: How many, >= 1; a point has one whatever is asked.

        >>> LinearDensity(0.0, 0.3, 3.3).grid(4)
        [0.0, 0.1, 0.2, 0.3]
        """
        if points < 1:
            raise ValueError(f"A grid needs 1 point or more, not {points}.")
        if self.is_point or points == 1:
            return [self.mean]
        steps = [self.a + (self.b - self.a) * i / (points - 1) for i in range(points)]
        # So that a chart and a file say 0.1, not 0.09999999999999999.
        return [float(f"{step:.12g}") for step in steps]

    def __repr__(self) -> str:
        if self.is_point:
            return f"LinearDensity({self.a:g}, {self.b:g})"
        return f"LinearDensity({self.a:g}, {self.b:g}, {self.h_b:g})"
