"""Worked numbers that the papers print, or that follow from their equations."""

from __future__ import annotations

import pytest
import torch

from rarecall import ALMConstraint, BCELoss, Objective, RankRegularizer
from rarecall.functional import descending_ranks, hinge_violations, rank_penalty

TOY = "NNPNNPPNPP"  # the ALM paper's figure 1, low to high, unit gaps


def violations(order: str, gap: float = 1.0) -> torch.Tensor:
    scores = gap * torch.arange(10, dtype=torch.float64)
    critical = torch.tensor([letter == "P" for letter in order])
    return hinge_violations(scores[critical], scores[~critical], margin=0.0)


def test_the_toy_example_has_the_violations_of_the_alm_paper() -> None:
    # Written out: the lowest P (at 2) is below N at 3, 4, 7, and so on.
    expected = [(3 - 2) + (4 - 2) + (7 - 2), 7 - 5, 7 - 6, 0, 0]
    assert violations(TOY).tolist() == [8.0, 2.0, 1.0, 0.0, 0.0] == [float(q) for q in expected]


@pytest.mark.parametrize(("order", "quadratic"), [("NNNPNPPNPP", 39 / 50), ("NNPNNPNPPP", 19 / 50)])
@pytest.mark.parametrize("gap", [1.0, 0.5])
def test_swapping_neighbours_lowers_the_cost_as_derived(
    order: str, quadratic: float, gap: float
) -> None:
    """39μΔ²/50 for the lowest positive, 19μΔ²/50 for the highest negative.

    The linear term falls by 3λΔ/25 in both cases; the paper prints 11λΔ/25 for the second, where
    11 is the sum of the violations itself.
    """
    before, after = violations(TOY, gap), violations(order, gap)
    pairs = 25
    fall = (before.square().sum() - after.square().sum()) / (2 * pairs)
    assert fall.item() == pytest.approx(quadratic * gap**2)
    assert ((before.sum() - after.sum()) / pairs).item() == pytest.approx(3 * gap / 25)


def test_the_toy_cost_is_what_the_constraint_adds() -> None:
    critical = torch.tensor([letter == "P" for letter in TOY])
    term = ALMConstraint(margin=0.0, penalty=1.0, scores="logit")
    objective = Objective(BCELoss(), term).bind(critical.long())
    scores = torch.arange(10, dtype=torch.float64)
    base = BCELoss()(scores, critical.long()).mean()
    batch = (scores, critical.long(), torch.arange(10))
    value = objective(torch.nn.Identity(), batch) - base
    assert value.item() == pytest.approx((64 + 4 + 1) / 50)


@pytest.mark.parametrize(("positives", "cost"), [((1, 4), 17), ((2, 3), 13)])
def test_the_rank_penalty_of_six_samples_is_17_or_13(positives: tuple[int, int], cost: int) -> None:
    scores = -torch.arange(6, dtype=torch.float64)
    critical = torch.tensor([rank in positives for rank in range(1, 7)])
    value, _ = rank_penalty(scores, critical, strength=1.0)
    assert value.item() * 2 * 6**2 == pytest.approx(cost)
    assert descending_ranks(scores, critical)[critical].tolist() == list(positives)


def test_the_rank_term_enters_the_objective_normalised() -> None:
    critical = torch.tensor([True, False, False, True, False, False])
    objective = Objective(BCELoss(), RankRegularizer(capacity=0)).bind(critical.long())
    scores = -torch.arange(6, dtype=torch.float64)
    batch = (scores, critical.long(), torch.arange(6))
    base = BCELoss()(scores, critical.long()).mean()
    value = objective(torch.nn.Identity(), batch) - base
    assert value.item() == pytest.approx(17 / 2 / 6**2)


# The alternatives of section 4.2 ------------------------------------------------------------------

SWAPS = {"lowest positive": "NNNPNPPNPP", "highest negative": "NNPNNPNPPP"}


def toy_cost(order: str, constraints: str, multiplier: float, penalty: float) -> float:
    """Cost of the constraint of unit gaps, all multipliers alike."""
    critical = torch.tensor([letter == "P" for letter in order])
    term = ALMConstraint(0.0, penalty, scores="logit", constraints=constraints)
    objective = Objective(BCELoss(), term).bind(critical.long())
    term.multipliers.fill_(multiplier)
    scores = torch.arange(10, dtype=torch.float64)
    base = BCELoss()(scores, critical.long()).mean()
    total = objective(torch.nn.Identity(), (scores, critical.long(), torch.arange(10)))
    return (total - base).item()


@pytest.mark.parametrize(
    ("constraints", "lowest", "highest"),
    [("positive", 39 / 50, 19 / 50), ("negative", 19 / 50, 39 / 50), ("pair", 13 / 50, 13 / 50)],
)
def test_only_constraints_of_positives_prefer_the_swap_at_high_tpr(
    constraints: str, lowest: float, highest: float
) -> None:
    """One constraint a negative reverses the preference, one a pair has none (both papers)."""
    for swap, quadratic in (("lowest positive", lowest), ("highest negative", highest)):
        fall = [toy_cost(order, constraints, 0.0, 2.0) for order in (TOY, SWAPS[swap])]
        assert fall[0] - fall[1] == pytest.approx(2.0 * quadratic)
        linear = [toy_cost(order, constraints, 5.0, 0.0) for order in (TOY, SWAPS[swap])]
        assert linear[0] - linear[1] == pytest.approx(3 * 5.0 / 25)


def test_the_first_version_prints_the_toy_cost_without_the_number_of_pairs() -> None:
    """39μΔ²/2 + 3λΔ, which its own equation 8 divides by 25; it prints 3λΔ² for the other swap."""
    for swap, squares in (("lowest positive", 39), ("highest negative", 19)):
        before, after = violations(TOY, 0.5), violations(SWAPS[swap], 0.5)
        assert (before.square() - after.square()).sum().item() == pytest.approx(squares * 0.5**2)
        assert (before - after).sum().item() == pytest.approx(3 * 0.5)  # Δ, not Δ²


# The supplement's example: one mistake in each class ----------------------------------------------


def mistakes(m: int, n: int, low: float, high: float, gap: float) -> dict[str, torch.Tensor]:
    """Positions in figure 2 of the supplement, from left to right.

    The wrong positive, ``n - 1`` negatives in order, ``m - 1`` positives in order, the wrong
    negative; ``low`` is ΔP, ``high`` ΔN, ``gap`` Δ.
    """
    negatives = low + gap * torch.arange(n - 1, dtype=torch.float64)
    positives = negatives[-1] + gap * torch.arange(1, m, dtype=torch.float64)
    return {
        "wrong positive": torch.zeros(1, dtype=torch.float64),
        "negatives": negatives,
        "positives": positives,
        "wrong negative": positives[-1:] + high,
    }


MISTAKES = [(3, 5, 0.7, 0.4, 0.2), (2, 2, 1.0, 1.0, 0.5), (4, 30, 0.1, 0.9, 0.05)]


def supplement(figure: dict[str, torch.Tensor], mu: float, lam: float, *, mirrored: bool) -> float:
    """3μ/2 Σ q² + λ Σ q, from the violations themselves.

    As the supplement does, it leaves out the pair of the two wrong samples.
    """
    pairs = (("wrong positive", "negatives"), ("positives", "wrong negative"))
    q = []
    for critical, others in pairs:
        one, two = figure[critical], figure[others]
        sides = (-two, -one) if mirrored else (one, two)
        q.append(hinge_violations(*sides, margin=0.0))
    total = torch.cat(q)
    return (1.5 * mu * total.square().sum() + lam * total.sum()).item()


@pytest.mark.parametrize(("m", "n", "low", "high", "gap"), MISTAKES)
def test_equations_12_and_17_of_the_supplement_are_right(
    m: int, n: int, low: float, high: float, gap: float
) -> None:
    """The closed forms; the third line before eq. 12 prints 3λ/2 where 3μ/2 is meant."""
    mu, lam = 0.3, 0.7
    figure = mistakes(m, n, low, high, gap)
    linear = lam * gap * ((n - 1) * (n - 2) / 2 + (m - 1) * (m - 2) / 2)
    equation_12 = (
        1.5 * mu * (low**2 * (n - 1) ** 2 + high**2 * (m - 1))
        + low * (1.5 * mu * gap * (n - 1) ** 2 * (n - 2) + lam * (n - 1))
        + high * (1.5 * mu * gap * (m - 1) * (m - 2) + lam * (m - 1))
        + 1.5 * mu * gap**2 * ((n - 1) * (n - 2)) ** 2 / 4
        + 1.5 * mu * gap**2 * (2 * m - 3) * (m - 1) * (m - 2) / 6
        + linear
    )
    equation_17 = (
        1.5 * mu * (low**2 * (n - 1) + high**2 * (m - 1) ** 2)
        + low * (1.5 * mu * gap * (n - 1) * (n - 2) + lam * (n - 1))
        + high * (1.5 * mu * gap * (m - 1) ** 2 * (m - 2) + lam * (m - 1))
        + 1.5 * mu * gap**2 * ((m - 1) * (m - 2)) ** 2 / 4
        + 1.5 * mu * gap**2 * (2 * n - 3) * (n - 1) * (n - 2) / 6
        + linear
    )
    assert supplement(figure, mu, lam, mirrored=False) == pytest.approx(equation_12)
    assert supplement(figure, mu, lam, mirrored=True) == pytest.approx(equation_17)
    if n > m:
        same = mistakes(m, n, 0.5, 0.5, gap)  # the claim: a positive's mistake weighs more here
        one, other = (supplement(same, mu, lam, mirrored=flag) for flag in (False, True))
        assert one > other


@pytest.mark.parametrize(("m", "n"), [(3, 5), (4, 30)])
def test_equations_13_and_15_of_the_supplement_need_the_factor_that_they_drop(
    m: int, n: int
) -> None:
    """ΔN exceeds ΔP by Δdiff where both mistakes cost the same: with 3μ/2 at the squares."""
    mu, lam, gap, low = 0.3, 0.7, 0.2, 0.4

    def cost(square: float, linear: float, size: float) -> float:
        return square * size**2 + linear * size

    b = 1.5 * mu * gap * (n - 1) ** 2 * (n - 2) + lam * (n - 1)
    d = 1.5 * mu * gap * (m - 1) * (m - 2) + lam * (m - 1)

    def limit(factor: float) -> float:
        a, c = factor * (n - 1) ** 2, factor * (m - 1)
        constant = low**2 * (c - a) + low * (d - b)
        root = ((2 * low * c + d) ** 2 - 4 * c * constant) ** 0.5
        return (-(2 * low * c + d) + root) / (2 * c)

    positive = cost(1.5 * mu * (n - 1) ** 2, b, low)
    square = 1.5 * mu * (m - 1)
    assert cost(square, d, low + limit(1.5 * mu)) == pytest.approx(positive)
    assert cost(square, d, low + limit(1.0)) != pytest.approx(positive, rel=0.05)  # as printed
    # That these are the costs: what the mistakes add to the correct order, by the violations.
    for size in (low, low + limit(1.5 * mu)):
        for which, expected in (
            ("low", cost(square / (m - 1) * (n - 1) ** 2, b, size)),
            ("high", cost(square, d, size)),
        ):
            moved = {"low": 1e-9, "high": 1e-9, which: size}
            with_it = supplement(
                mistakes(m, n, moved["low"], moved["high"], gap), mu, lam, mirrored=False
            )
            without = supplement(mistakes(m, n, 1e-9, 1e-9, gap), mu, lam, mirrored=False)
            assert with_it - without == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("constraints", ["positive", "negative"])
def test_multipliers_raised_by_the_same_violations_make_three_halves_of_the_penalty(
    constraints: str,
) -> None:
    """The supplement puts λ + μ q into the loss; here that is the second forward of one batch."""
    targets = torch.tensor([1, 0, 0, 1, 0])
    scores = torch.tensor([0.0, 1.0, 2.0, 1.5, -1.0], dtype=torch.float64)
    term = ALMConstraint(0.0, 0.3, scores="logit", constraints=constraints)
    objective = Objective(BCELoss(), term).bind(targets)
    term.multipliers.fill_(0.7)
    base = BCELoss()(scores, targets).mean()
    objective(torch.nn.Identity(), (scores, targets, torch.arange(5)))
    objective.step()
    value = objective(torch.nn.Identity(), (scores, targets, torch.arange(5))) - base
    critical, others = scores[targets == 1], scores[targets == 0]
    sides = (critical, others) if constraints == "positive" else (-others, -critical)
    q = hinge_violations(*sides, margin=0.0)
    expected = (1.5 * 0.3 * q.square().sum() + 0.7 * q.sum()) / (2 * 3)
    assert value.item() == pytest.approx(expected.item())


@pytest.mark.parametrize("n", [1, 4, 25])
def test_equations_11_and_13_of_the_first_version_are_right_for_its_own_penalty(n: int) -> None:
    """One positive below n negatives: 2μ where its equation 8 gives 3μ/2, and no pairs."""
    mu, lam, gap = 0.3, 0.7, 0.2
    positive = torch.zeros(1, dtype=torch.float64)
    negatives = gap * torch.arange(1, n + 1, dtype=torch.float64)
    triangle = n * (n + 1) / 2
    for q, squares in (
        (hinge_violations(positive, negatives, margin=0.0), triangle**2),
        (hinge_violations(-negatives, -positive, margin=0.0), n * (n + 1) * (2 * n + 1) / 6),
    ):
        as_in_equation_9 = mu * q.square().sum() + ((lam + mu * q) * q).sum()
        expected = 2 * mu * gap**2 * squares + lam * gap * triangle
        assert as_in_equation_9.item() == pytest.approx(expected)


def test_the_searched_values_of_the_first_version_can_be_given() -> None:
    """μ0 of .2 and .3, ρ of 2, 3 and 4, δ of 1, 1.5 and 2, which only logits can meet."""
    for penalty in (0.2, 0.3):
        for growth in (2.0, 3.0, 4.0):
            for margin in (1.0, 1.5, 2.0):
                term = ALMConstraint(margin, penalty, growth, scores="logit")
                assert term.max_penalty == pytest.approx(penalty * growth**5)
