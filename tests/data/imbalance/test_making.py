"""Protocols by name: what protocol files may ask for, and words for what they may not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rarecall.data.imbalance import (
    binary_pair,
    check_imbalance,
    imbalance_names,
    imbalance_parameters,
    make,
)
from rarecall.errors import ConfigurationError

POOL = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 300))
TEST = np.repeat(np.arange(10), 50)
PATIENTS = np.arange(len(POOL)) // 3
WISHES: dict[str, dict[str, Any]] = {
    "binary_pair": {"negative": 1, "positive": 9, "ratio": 20},
    "superclass": {"negative": [1, 2], "positive": 9, "ratio": 20},
    "step": {"ratio": 0.1},
    "long_tailed": {"ratio": 0.1},
    "halves": {"share": 0.05},
    "small_sample": {"negative": 1, "positive": 9, "ratio": 9},
    "splits": {"critical": 9},
    "patient_folds": {"critical": 9},
}


def groups_for(name: str) -> np.ndarray | None:
    return PATIENTS if name == "patient_folds" else None


def test_every_protocol_has_a_wish_here() -> None:
    assert sorted(WISHES) == sorted(imbalance_names())


@pytest.mark.parametrize("name", WISHES)
def test_all_protocols_take_members_mode_and_seed(name: str) -> None:
    for mode, different in (("strict", 1), ("as-published", 3)):
        options = {"members": 3, "mode": mode, "seed": 5, **WISHES[name]}
        check_imbalance(name, options)
        made = make(name, POOL, TEST, groups=groups_for(name), **options)
        assert [one.member for one in made] == [0, 1, 2]
        assert len({one.digest for one in made}) == different
        assert {one.mode for one in made} == {mode}
        for one in made:
            one.check(POOL, TEST)
            assert not (mode == "strict" and set(one.train) & set(one.validation))
            assert one.protocol == name
    other = make(name, POOL, TEST, groups=groups_for(name), **{**options, "seed": 6})
    assert other[0].digest != made[0].digest


@pytest.mark.parametrize("name", WISHES)
def test_label_noise_goes_with_any_protocol(name: str) -> None:
    wish = {"members": 2, "label_noise": 0.25, "noise_among": 0, **WISHES[name]}
    for mode in ("strict", "as-published"):
        made = make(name, POOL, TEST, groups=groups_for(name), mode=mode, **wish)
        for one in made:
            negatives = (one.targets(POOL, one.train) == 0).sum()
            assert len(one.flipped) == round(0.25 * negatives)
        assert (made[0].digest == made[1].digest) == (mode == "strict")


def test_by_name_gives_what_the_function_gives() -> None:
    direct = binary_pair(POOL, TEST, members=2, **WISHES["binary_pair"])
    named = make("binary_pair", POOL, TEST, members=2, **WISHES["binary_pair"])
    assert [one.digest for one in named] == [one.digest for one in direct]


def test_noisy_and_easy_data_are_added_by_name() -> None:
    noisy = make("halves", POOL, TEST, share=0.05, noisy=0.1)[0]
    assert noisy.parameters["noisy"] == 0.1
    assert len(noisy.flipped)
    scores = np.arange(float(len(POOL)))
    easy = make("halves", POOL, TEST, share=0.05, easy=0.1, scores=scores)[0]
    assert len(easy.train) > len(make("halves", POOL, TEST, share=0.05)[0].train)
    with pytest.raises(ConfigurationError, match="give its scores"):
        make("halves", POOL, TEST, share=0.05, easy=0.1)


def test_a_cohort_without_test_pool_gets_a_test_part() -> None:
    for name in ("splits", "patient_folds"):
        one = make(name, POOL, None, groups=PATIENTS, critical=9)[0]
        assert one.test_pool == "train"
        assert 0.15 < len(one.test) / len(POOL) < 0.25
        assert not set(PATIENTS[one.train]) & set(PATIENTS[one.test])
    assert len(make("patient_folds", POOL, TEST, groups=PATIENTS, critical=9, splits=4)) == 4
    assert len(make("splits", POOL, TEST, critical=9, splits=3)) == 3


def test_patients_are_not_torn_unless_that_is_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="a patient could stand in training and"):
        make("halves", POOL, TEST, groups=PATIENTS, share=0.1)
    assert make("halves", POOL, TEST, groups=PATIENTS, share=0.1, by_sample=True)
    torn = make("splits", POOL, None, groups=PATIENTS, critical=9, by_sample=True)[0]
    assert set(PATIENTS[torn.train]) & set(PATIENTS[torn.validation])
    with pytest.raises(ConfigurationError, match="patient of every sample, and this data set"):
        make("patient_folds", POOL, TEST, critical=9)


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("binary_pairs", {}, "no imbalance protocol 'binary_pairs'. Did you mean 'binary_pair'"),
        ("binary_pair", {"negative": 1}, "needs positive and ratio"),
        ("halves", {"share": 0.1, "validation_shar": 0.1}, "Did you mean 'validation_share'"),
        ("step", {"ratio": 0.1, "step": False}, "no parameter 'step'"),
        ("long_tailed", {"ratio": 0.1, "member": 2}, "no parameter 'member'"),
        ("halves", {"share": 0.1, "labels": []}, "no parameter 'labels'"),
        ("halves", {"share": 0.1, "noise_among": 1}, "give both"),
    ],
)
def test_wrong_wishes_are_refused_before_data_is_read(
    name: str, parameters: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        check_imbalance(name, parameters)


def test_protocols_without_a_test_pool_are_refused_where_one_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="halves needs a test pool"):
        make("halves", POOL, share=0.1)


def test_parameters_say_whether_they_must_be_given() -> None:
    known = imbalance_parameters("step")
    assert known["ratio"]
    assert not known["rare"]
    assert not known["members"]
    assert "groups" not in imbalance_parameters("splits")
