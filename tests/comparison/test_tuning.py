"""Hyper-parameter search is a pure function of seed, number and earlier results."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rarecall.comparison.tuning import Choice, LogRange, best_trial, network_space, propose
from rarecall.methods import parse
from rarecall.training import TrainSettings

SPACE = {"rate": LogRange(1e-3, 1e-1), "focus": Choice((0.5, 1.0, 2.0))}
SETTINGS = TrainSettings(steps=10, evaluate_every=5, batch_size=64)
DEFAULTS = {"rate": 1e-2, "focus": 1.0}


def search(n, *, seed=0, name="a-fl", value=lambda p: -abs(p["rate"] - 0.03)):
    trials = []
    for _ in range(n):
        parameters = propose(SPACE, DEFAULTS, trials, seed=seed, name=name)
        trials.append((parameters, value(parameters)))
    return trials


def test_the_first_trial_is_the_defaults():
    assert search(1)[0][0] == DEFAULTS


def test_a_search_taken_up_in_the_middle_goes_on_as_if_undisturbed():
    whole = search(14)
    taken_up = propose(SPACE, DEFAULTS, whole[:12], seed=0, name="a-fl")
    assert taken_up == whole[12][0]


def test_proposals_stay_in_the_space_and_differ():
    trials = search(12)
    assert all(1e-3 <= p["rate"] <= 1e-1 and p["focus"] in (0.5, 1.0, 2.0) for p, _ in trials)
    assert len({p["rate"] for p, _ in trials}) == 12


def test_seeds_and_methods_draw_independently():
    rates = {
        tuple(p["rate"] for p, _ in search(3, seed=s, name=n))[1:]
        for s, n in ((0, "a-fl"), (1, "a-fl"), (0, "bce"))
    }
    assert len(rates) == 3


def test_a_failed_trial_is_passed_over():
    trials = [(DEFAULTS, 0.1), ({"rate": 0.1, "focus": 2.0}, None)]
    proposed = propose(SPACE, DEFAULTS, trials, seed=0, name="bce")
    assert 1e-3 <= proposed["rate"] <= 1e-1
    assert best_trial(trials) == 0
    assert best_trial([(DEFAULTS, None)]) is None


def test_with_nothing_to_search_every_trial_is_the_same():
    assert propose({}, {}, [({}, 0.5)], seed=0, name="bce") == {}


def test_a_method_searches_its_own_parameters_and_the_optimisers():
    settings = SETTINGS
    space, defaults = network_space(parse("a-fl+alm"), settings, fixed={})
    assert set(space) == {
        "learning_rate",
        "weight_decay",
        "a-fl.focus",
        "alm.margin",
        "alm.penalty",
    }
    assert set(defaults) == set(space)
    for name, item in space.items():
        if isinstance(item, Choice):
            assert defaults[name] in item.values
        else:
            assert item.low <= defaults[name] <= item.high


def test_what_the_user_fixed_is_not_searched():
    settings = SETTINGS
    fixed = {"learning_rate": 0.01, "alm.margin": 0.3}
    space, defaults = network_space(parse("bce+alm"), settings, fixed=fixed)
    assert not set(fixed) & (set(space) | set(defaults))


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_the_default_weight_decay_can_be_proposed(decay):
    settings = replace(SETTINGS, weight_decay=decay)
    space, defaults = network_space(parse("bce"), settings, fixed={})
    first = propose(space, defaults, [], seed=0, name="bce")
    propose(space, defaults, [(first, 0.5)], seed=0, name="bce")
    assert first["weight_decay"] == decay
