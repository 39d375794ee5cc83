"""Loss-conditional training against its paper: densities, modulation, numbers of table 2."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from rarecall.conditioning import FiLM, LinearDensity

TABLE_2 = [
    (0.25, 0.75, 2),
    (0.25, 0.75, 0),
    (0.25, 0.75, 4),
    (0.1, 0.9, 1.25),
    (1, 3, 0.5),
    (1, 3, 0),
    (1, 4, 0.33),
    (0, 0.3, 0),
    (0, 0.3, 3.3),
    (0, 0.2, 5),
    (0.1, 0.3, 5),
    (0, 3, 0),
    (0, 3, 0.33),
    (1, 4, 0),
]
"""Every density of the paper's table 2 but L(1, 3, 2), which is none."""


@st.composite
def densities(draw: st.DrawFn) -> LinearDensity:
    a = draw(st.floats(-5, 5))
    width = draw(st.floats(0.01, 10))
    share = draw(st.floats(0, 1))
    b = a + width
    return LinearDensity(a, b, share * 2 / (b - a))


def naive_pdf(density: LinearDensity, x: float) -> float:
    """The straight line through (a, h_a) and (b, h_b), from appendix D."""
    width = density.b - density.a
    h_a = 2 / width - density.h_b
    return h_a * (density.b - x) / width + density.h_b * (x - density.a) / width


@pytest.mark.parametrize("numbers", TABLE_2)
def test_the_densities_of_table_2_have_unit_area_and_the_stated_height(numbers) -> None:
    density = LinearDensity(*numbers)
    area, _ = integrate.quad(density.pdf, density.a, density.b)
    assert area == pytest.approx(1)
    assert density.pdf(density.b) == pytest.approx(numbers[2], rel=1e-9)
    assert density.pdf(density.a) >= 0
    assert density.pdf(density.a - 0.01) == density.pdf(density.b + 0.01) == 0


def test_the_printed_l_1_3_2_is_refused_with_the_largest_admissible_height() -> None:
    with pytest.raises(ValueError, match=r"L\(1, 3, 2\).*at 1 would be -1.*= 1\.") as error:
        LinearDensity(1, 3, 2)
    assert "no density" in str(error.value)
    LinearDensity(1, 3, 1)  # the largest admissible one


def test_h_a_and_h_b_alike_is_uniform_and_zero_is_triangular() -> None:
    uniform = LinearDensity(0.1, 0.9, 1.25)
    assert [uniform.quantile(u) for u in (0.0, 0.25, 1.0)] == pytest.approx([0.1, 0.3, 0.9])
    assert LinearDensity(0.1, 0.9).h_b == pytest.approx(1.25)
    falling = stats.triang(c=0, loc=0, scale=3)  # L(0, 3, 0)
    rising = stats.triang(c=1, loc=0.25, scale=0.5)  # L(0.25, 0.75, 4)
    for density, known in (
        (LinearDensity(0, 3, 0), falling),
        (LinearDensity(0.25, 0.75, 4), rising),
    ):
        assert density.mean == pytest.approx(known.mean())
        for u in np.linspace(0, 1, 11):
            assert density.quantile(float(u)) == pytest.approx(known.ppf(u), abs=1e-12)
            x = known.ppf(u)
            assert density.cdf(float(x)) == pytest.approx(known.cdf(x), abs=1e-12)


@given(density=densities(), share=st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_a_density_follows_appendix_d(density: LinearDensity, share: float) -> None:
    x = density.a + share * (density.b - density.a)
    height = max(density.h_a, density.h_b)
    assert density.pdf(min(x, density.b)) == pytest.approx(naive_pdf(density, x), abs=1e-9 * height)
    # Gauss-Legendre: exact for these polynomials, where an adaptive rule may warn of round-off.
    pdf = np.vectorize(lambda t: naive_pdf(density, t))
    area, _ = integrate.fixed_quad(pdf, density.a, x)
    assert density.cdf(x) == pytest.approx(area, abs=1e-9)
    assert density.cdf(density.quantile(share)) == pytest.approx(share, abs=1e-9)
    first, _ = integrate.fixed_quad(lambda t: t * pdf(t), density.a, density.b)
    assert density.mean == pytest.approx(first, rel=1e-7, abs=1e-7)


@given(density=densities(), one=st.floats(0, 1), two=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_a_quantile_stays_inside_and_never_falls(
    density: LinearDensity, one: float, two: float
) -> None:
    low, high = density.quantile(min(one, two)), density.quantile(max(one, two))
    assert density.a <= low <= high <= density.b


@pytest.mark.parametrize("numbers", TABLE_2)
def test_draws_by_the_inverse_cdf_have_the_density(numbers) -> None:
    density = LinearDensity(*numbers)
    shares = np.random.default_rng(0).random(4000)
    drawn = [density.quantile(float(share)) for share in shares]
    found = stats.kstest(drawn, np.vectorize(density.cdf))
    assert found.pvalue > 0.01  # the same shares for every density, so this cannot be luck


def test_a_point_is_its_value() -> None:
    point = LinearDensity(2.0, 2.0, 7.0)
    assert point.is_point
    assert (point.mean, point.quantile(0.3), point.grid(5)) == (2.0, 2.0, [2.0])
    assert (point.cdf(1.9), point.cdf(2.0)) == (0.0, 1.0)
    assert point.pdf(2.0) == math.inf


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((3, 1, 0.5), "a <= b"),
        ((0, math.inf, 0.5), "finite"),
        ((0, 1, -0.1), "h_b < 0"),
        ((0, 1, math.nan), "no density"),
        ((0, 2, 1.01), "= 1"),
    ],
)
def test_an_impossible_density_is_refused(numbers, words) -> None:
    with pytest.raises(ValueError, match=words):
        LinearDensity(*numbers)


def test_a_quantile_outside_of_0_to_1_and_an_empty_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="0, 1"):
        LinearDensity(0, 1).quantile(1.1)
    with pytest.raises(ValueError, match="1 point or more"):
        LinearDensity(0, 1).grid(0)


# Modulation ---------------------------------------------------------------------------------------


def test_modulation_follows_its_equation() -> None:
    """Equation 34 by loops: two networks λ → 128 → ReLU → C, then σ f + μ a channel."""
    torch.manual_seed(0)
    film = FiLM([(0.0, 0.3), (1.0, 4.0)], 5, [0.1, 2.0], identity=False, standardize=False)
    film = film.double().requires_grad_(False)
    features = torch.randn(3, 5, 2, 4, dtype=torch.float64)
    condition = torch.tensor([0.2, 3.0], dtype=torch.float64)
    result = film(features, condition)
    made = []
    for network in (film.sigma, film.mu):
        first, _, second = network
        hidden = []
        for unit in range(128):
            total = float(first.bias[unit])
            for entry in range(2):
                total += float(first.weight[unit, entry]) * float(condition[entry])
            hidden.append(max(0.0, total))
        made.append(
            [
                float(second.bias[c])
                + sum(float(second.weight[c, unit]) * hidden[unit] for unit in range(128))
                for c in range(5)
            ]
        )
    sigma, mu = made
    for row in range(3):
        for channel in range(5):
            expected = sigma[channel] * features[row, channel] + mu[channel]
            torch.testing.assert_close(result[row, channel], expected)


def test_lambda_enters_between_minus_1_and_1_of_its_density() -> None:
    film = FiLM([(0.0, 0.3), (1.0, 4.0), (2.0, 2.0)], 2, [0.1, 2.0, 2.0])
    entered = []
    film.sigma.register_forward_pre_hook(lambda _, given: entered.append(given[0]))
    for condition in ([0.0, 1.0, 2.0], [0.15, 2.5, 2.0], [0.3, 4.0, 2.0]):
        film.coefficients(torch.tensor(condition))
    expected = torch.tensor([[-1.0, -1, -1], [0, 0, -1], [1, 1, -1]])
    torch.testing.assert_close(torch.stack(entered), expected)


def test_the_parameters_are_those_of_two_networks_not_the_printed_8448() -> None:
    film = FiLM([(0.0, 0.3), (0.0, 3.0)], 64, [0.1, 1.0])
    weights = sum(p.numel() for name, p in film.named_parameters() if "weight" in name)
    assert 2 * 128 + 128 * 64 == 8448  # one network without biases, as the paper counts
    assert weights == 2 * 8448
    assert sum(p.numel() for p in film.parameters()) == 17280
